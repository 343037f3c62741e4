namespace Beamline.Scheduler.Core;

/// <summary>One tenant's queued work in one pool.</summary>
internal sealed class TenantQueue(string tenantId, long ordinal)
{
    public string TenantId { get; } = tenantId;

    /// <summary>Breaks ties of virtual time, the same way each time.</summary>
    public long Ordinal { get; } = ordinal;
    public double VirtualTime { get; set; }
    public int Count { get; set; }
    public List<TenantLane> Lanes { get; } = [];

    public TenantLane LaneOf(string type)
    {
        foreach (var lane in Lanes)
        {
            if (lane.Type == type)
            {
                return lane;
            }
        }

        var made = new TenantLane(this, type);
        Lanes.Add(made);
        return made;
    }

    public TaskEntry? Next(IReadOnlyList<string> types, long ageingMs)
    {
        TaskEntry? best = null;
        var bestKey = long.MaxValue;
        foreach (var lane in Lanes)
        {
            if (lane.Count > 0 && types.Contains(lane.Type) && lane.First(ageingMs, out var key) is { } head && key < bestKey)
            {
                (best, bestKey) = (head, key);
            }
        }

        return best;
    }
}

/// <summary>One tenant's queued tasks of one block type: a list for each priority, first come first.</summary>
internal sealed class TenantLane(TenantQueue tenant, string type)
{
    public static readonly IComparer<TenantLane> FairOrder = Comparer<TenantLane>.Create((a, b) =>
    {
        var byTime = a.Tenant.VirtualTime.CompareTo(b.Tenant.VirtualTime);
        return byTime != 0 ? byTime : a.Tenant.Ordinal.CompareTo(b.Tenant.Ordinal);
    });

    private const int Priorities = 10;
    private readonly TaskEntry?[] _heads = new TaskEntry?[Priorities];
    private readonly TaskEntry?[] _tails = new TaskEntry?[Priorities];

    public TenantQueue Tenant { get; } = tenant;
    public string Type { get; } = type;
    public int Count { get; private set; }

    /// <summary>
    /// The head whose turn it is. Priority plus waited time, compared between any two tasks, comes down to a key that does
    /// not change while they wait (arrival minus priority × ageing step), so comparing the ten heads is enough.
    /// </summary>
    public TaskEntry? First(long ageingMs, out long key)
    {
        TaskEntry? first = null;
        key = long.MaxValue;
        for (var priority = Priorities - 1; priority >= 0; priority--)
        {
            if (_heads[priority] is { } head && head.QueuedAt - (priority * ageingMs) < key)
            {
                key = head.QueuedAt - (priority * ageingMs);
                first = head;
            }
        }

        return first;
    }

    /// <summary>
    /// New work goes behind all of its priority. What comes back goes to its old place: near the front, since all that stood
    /// before it was granted before it, but for what came back with it.
    /// </summary>
    public void Add(TaskEntry entry, bool returns)
    {
        var priority = Math.Clamp(entry.Info.Priority, 0, Priorities - 1);
        entry.Lane = this;
        Count++;
        var after = returns ? _heads[priority] : null;
        while (after is not null && CameBefore(after, entry))
        {
            after = after.LaneAfter;
        }

        entry.LaneAfter = after;
        entry.LaneBefore = after is null ? _tails[priority] : after.LaneBefore;
        if (entry.LaneBefore is { } before)
        {
            before.LaneAfter = entry;
        }
        else
        {
            _heads[priority] = entry;
        }

        if (after is null)
        {
            _tails[priority] = entry;
        }
        else
        {
            after.LaneBefore = entry;
        }
    }

    public void Remove(TaskEntry entry)
    {
        var priority = Math.Clamp(entry.Info.Priority, 0, Priorities - 1);
        if (entry.LaneBefore is { } before)
        {
            before.LaneAfter = entry.LaneAfter;
        }
        else
        {
            _heads[priority] = entry.LaneAfter;
        }

        if (entry.LaneAfter is { } after)
        {
            after.LaneBefore = entry.LaneBefore;
        }
        else
        {
            _tails[priority] = entry.LaneBefore;
        }

        entry.Lane = null;
        entry.LaneBefore = entry.LaneAfter = null;
        Count--;
    }

    private static bool CameBefore(TaskEntry a, TaskEntry b) =>
        a.QueuedAt != b.QueuedAt ? a.QueuedAt < b.QueuedAt : a.Info.Id < b.Info.Id;
}
