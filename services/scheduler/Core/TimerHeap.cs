namespace Beamline.Scheduler.Core;

/// <summary>
/// At most one timer a task, earliest first. A binary heap whose entries know their place, so that a timer is moved or
/// removed in O(log n): lazily deleted timers would pile up by the million behind a ten-minute queue timeout.
/// </summary>
internal sealed class TimerHeap
{
    private readonly List<TaskEntry> _heap = [];

    public int Count => _heap.Count;

    public TaskEntry? Earliest => _heap.Count == 0 ? null : _heap[0];

    public void Set(TaskEntry entry, long due)
    {
        entry.TimerDue = due;
        if (entry.TimerIndex < 0)
        {
            entry.TimerIndex = _heap.Count;
            _heap.Add(entry);
        }

        Settle(entry.TimerIndex);
    }

    public void Remove(TaskEntry entry)
    {
        var index = entry.TimerIndex;
        if (index < 0)
        {
            return;
        }

        var last = _heap[^1];
        _heap.RemoveAt(_heap.Count - 1);
        entry.TimerIndex = -1;
        if (!ReferenceEquals(last, entry))
        {
            Place(last, index);
            Settle(index);
        }
    }

    private static bool Before(TaskEntry a, TaskEntry b) =>
        a.TimerDue != b.TimerDue ? a.TimerDue < b.TimerDue : a.Info.Id < b.Info.Id;

    private void Place(TaskEntry entry, int index)
    {
        _heap[index] = entry;
        entry.TimerIndex = index;
    }

    private void Settle(int index)
    {
        var entry = _heap[index];
        while (index > 0 && Before(entry, _heap[(index - 1) / 2]))
        {
            Place(_heap[(index - 1) / 2], index);
            index = (index - 1) / 2;
        }

        while (true)
        {
            var child = (2 * index) + 1;
            if (child >= _heap.Count)
            {
                break;
            }

            if (child + 1 < _heap.Count && Before(_heap[child + 1], _heap[child]))
            {
                child++;
            }

            if (!Before(_heap[child], entry))
            {
                break;
            }

            Place(_heap[child], index);
            index = child;
        }

        Place(entry, index);
    }
}
