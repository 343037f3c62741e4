using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core.Fairness;

/// <summary>
/// The queued tasks of one lane with the same concurrency key (or with none): a list for each priority, first come first.
/// Priority plus waited time, compared between any two tasks, comes down to a key that does not change while they wait (arrival
/// minus priority × ageing step), so the smallest of the ten heads' keys is the group's.
/// </summary>
internal sealed class KeyGroup(TenantLane lane, KeyState? key) : HeapNode
{
    private const int Priorities = 10;

    /// <summary>First and last of each priority; a group whose tasks all have one priority has one place only.</summary>
    private Ends[] _ends = new Ends[1];
    private int _onlyPriority = -1;

    public TenantLane Lane { get; } = lane;

    /// <summary>Null: tasks without a key, or whose key has no limit.</summary>
    public KeyState? Key { get; } = key;
    public int Count { get; private set; }

    /// <summary>The task whose turn it is; null when empty.</summary>
    public TaskEntry? First { get; private set; }

    /// <summary>The place of <see cref="First"/> among all of its tenant's tasks; smaller goes first.</summary>
    public long FirstKey { get; private set; }

    /// <summary>Whether its first task goes before the other's.</summary>
    public bool IsBefore(KeyGroup other) => FirstKey < other.FirstKey || (FirstKey == other.FirstKey && First!.Id < other.First!.Id);

    /// <summary>
    /// New work goes behind all of its priority. What comes back goes to its old place: near the front, since all that stood
    /// before it was granted before it, but for what came back with it.
    /// </summary>
    public void Add(TaskEntry entry, bool returns)
    {
        ref var ends = ref EndsOf(entry.Priority);
        entry.Group = this;
        entry.QueueKey = entry.QueuedAt - (entry.Priority * Lane.Tenant.Pool.AgeingMs);
        Count++;
        ends.Count++;
        var after = returns ? ends.Head : null;
        while (after is not null && CameBefore(after, entry))
        {
            after = after.QueueAfter;
        }

        entry.QueueAfter = after;
        entry.QueueBefore = after is null ? ends.Tail : after.QueueBefore;
        if (entry.QueueBefore is { } before)
        {
            before.QueueAfter = entry;
        }
        else
        {
            ends.Head = entry;
        }

        if (after is null)
        {
            ends.Tail = entry;
        }
        else
        {
            after.QueueBefore = entry;
        }

        // Only a new head can change which is first.
        if (entry.QueueBefore is null)
        {
            FindFirst();
        }
    }

    public void Remove(TaskEntry entry)
    {
        ref var ends = ref EndsOf(entry.Priority);
        if (entry.QueueBefore is { } before)
        {
            before.QueueAfter = entry.QueueAfter;
        }
        else
        {
            ends.Head = entry.QueueAfter;
        }

        if (entry.QueueAfter is { } after)
        {
            after.QueueBefore = entry.QueueBefore;
        }
        else
        {
            ends.Tail = entry.QueueBefore;
        }

        entry.Group = null;
        entry.QueueBefore = entry.QueueAfter = null;
        Count--;
        ends.Count--;
        if (ReferenceEquals(entry, First))
        {
            FindFirst();
        }
    }

    /// <summary>Its tasks of this priority and higher ones.</summary>
    public int CountFrom(int priority)
    {
        if (_ends.Length < Priorities)
        {
            return _onlyPriority >= priority ? Count : 0;
        }

        var count = 0;
        for (var i = Math.Max(0, priority); i < Priorities; i++)
        {
            count += _ends[i].Count;
        }

        return count;
    }

    /// <summary>Tasks of the group that go before this one, counted up to <paramref name="most"/>.</summary>
    public int CountBefore(TaskEntry entry, int most)
    {
        var before = 0;
        foreach (var ends in _ends)
        {
            for (var other = ends.Head; other is not null && before < most && IsBefore(other, entry); other = other.QueueAfter)
            {
                before++;
            }
        }

        return before;
    }

    private static bool IsBefore(TaskEntry other, TaskEntry entry) =>
        other.QueueKey < entry.QueueKey || (other.QueueKey == entry.QueueKey && other.Priority > entry.Priority) || (other.Priority == entry.Priority && CameBefore(other, entry));

    public void FindFirst()
    {
        First = null;
        FirstKey = long.MaxValue;
        for (var i = _ends.Length - 1; i >= 0; i--)
        {
            if (_ends[i].Head is { } head && head.QueueKey < FirstKey)
            {
                (First, FirstKey) = (head, head.QueueKey);
            }
        }
    }

    private ref Ends EndsOf(int priority)
    {
        if (_ends.Length == Priorities)
        {
            return ref _ends[priority];
        }

        if (Count == 0 || priority == _onlyPriority)
        {
            _onlyPriority = priority;
            return ref _ends[0];
        }

        var all = new Ends[Priorities];
        all[_onlyPriority] = _ends[0];
        _ends = all;
        return ref _ends[priority];
    }

    private static bool CameBefore(TaskEntry a, TaskEntry b) =>
        a.QueuedAt != b.QueuedAt ? a.QueuedAt < b.QueuedAt : a.Id < b.Id;

    private struct Ends
    {
        public TaskEntry? Head;
        public TaskEntry? Tail;
        public int Count;
    }
}
