namespace Beamline.Scheduler.Core.Tenants;

/// <summary>
/// Leases in force, of one tenant or of one concurrency key: the limit counts what is in the set. Each member knows its place, kept
/// in the task by whoever owns the set. A mutable value: to be kept in a field and never copied.
/// </summary>
internal struct LeaseSet
{
    private TaskEntry[]? _members;

    public int Count { get; private set; }

    /// <returns>The member's place.</returns>
    public int Add(TaskEntry entry)
    {
        if (Count == (_members?.Length ?? 0))
        {
            Array.Resize(ref _members, Math.Max(1, 2 * Count));
        }

        _members![Count] = entry;
        return Count++;
    }

    /// <returns>The member that has moved to this place, or null.</returns>
    public TaskEntry? Remove(int place)
    {
        var last = _members![--Count];
        _members[Count] = null!;
        if (place == Count)
        {
            return null;
        }

        _members[place] = last;
        return last;
    }
}
