namespace Beamline.Scheduler.Core.Fairness;

/// <summary>What stands in an <see cref="IndexedHeap{T}"/> and knows where, so that leaving it needs no search.</summary>
internal abstract class HeapNode
{
    /// <summary>Negative: in no heap. Kept by the heap alone.</summary>
    internal int HeapIndex { get; set; } = -1;

    public bool IsInHeap => HeapIndex >= 0;
}

/// <summary>
/// Smallest key first, ties by the second key. Four children a node and the keys in the array itself: with 100,000 nodes a way
/// through it is nine steps and touches no node but those that move.
/// </summary>
/// <remarks>A mutable value, so that its owner's memory leads straight to the array: to be kept in a field and never copied.</remarks>
internal struct IndexedHeap<T>
    where T : HeapNode
{
    private const int Children = 4;
    private Slot[]? _slots;

    public int Count { get; private set; }

    /// <summary>Null when empty.</summary>
    public readonly T? First => Count == 0 ? null : _slots![0].Node;

    public readonly double KeyOf(T node) => _slots![node.HeapIndex].Key;

    public void Push(T node, double key, long tie)
    {
        if (Count == (_slots?.Length ?? 0))
        {
            Array.Resize(ref _slots, Math.Max(1, 2 * Count));
        }

        var slot = new Slot(key, tie, node);
        Place(slot, Count++);
        Settle(slot, node.HeapIndex);
    }

    /// <summary>Moves a node to where its new keys belong.</summary>
    public readonly void Update(T node, double key, long tie) => Settle(new Slot(key, tie, node), node.HeapIndex);

    public void Remove(T node)
    {
        var index = node.HeapIndex;
        if (index < 0)
        {
            return;
        }

        node.HeapIndex = -1;
        var last = _slots![--Count];
        _slots[Count] = default;
        if (index < Count)
        {
            Settle(last, index);
        }

        if (_slots.Length > 64 && Count < _slots.Length / 4)
        {
            Array.Resize(ref _slots, _slots.Length / 2);
        }
    }

    private readonly void Settle(Slot slot, int index)
    {
        var slots = _slots!;
        while (index > 0 && slot.Before(slots[(index - 1) / Children]))
        {
            Place(slots[(index - 1) / Children], index);
            index = (index - 1) / Children;
        }

        while (SmallestChildOf(index) is var child && child >= 0 && slots[child].Before(slot))
        {
            Place(slots[child], index);
            index = child;
        }

        Place(slot, index);
    }

    private readonly int SmallestChildOf(int index)
    {
        var first = (Children * index) + 1;
        if (first >= Count)
        {
            return -1;
        }

        var smallest = first;
        for (var child = first + 1; child < Math.Min(first + Children, Count); child++)
        {
            if (_slots![child].Before(_slots[smallest]))
            {
                smallest = child;
            }
        }

        return smallest;
    }

    private readonly void Place(Slot slot, int index)
    {
        _slots![index] = slot;
        slot.Node.HeapIndex = index;
    }

    private readonly struct Slot(double key, long tie, T node)
    {
        public readonly double Key = key;
        public readonly T Node = node;
        private readonly long _tie = tie;

        public bool Before(in Slot other) => Key < other.Key || (Key == other.Key && _tie < other._tie);
    }
}
