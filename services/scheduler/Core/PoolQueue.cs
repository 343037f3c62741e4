namespace Beamline.Scheduler.Core;

/// <summary>
/// The work that waits for one pool. Between tenants the smallest virtual time goes first (what a tenant was given so far,
/// by estimated cost), so a flood stands behind everyone else's few; within a tenant priority with ageing, then first come.
/// A tenant has a lane for each block type, and each type a sorted set of lanes: a worker is offered only what it can run,
/// and choosing costs O(types × log tenants), whatever is queued.
/// </summary>
internal sealed class PoolQueue(TimeSpan ageingStep)
{
    private const int MaxRememberedTenants = 64 * 1024;

    private readonly long _ageingMs = (long)ageingStep.TotalMilliseconds;
    private readonly Dictionary<string, SortedSet<TenantLane>> _lanesByType = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TenantQueue> _tenants = new(StringComparer.Ordinal);
    private double _virtualTime;
    private long _nextOrdinal;

    public int Count { get; private set; }

    /// <param name="entry">A task that is in no lane.</param>
    /// <param name="returns">It was here before and comes back to its old place.</param>
    public void Add(TaskEntry entry, bool returns = false)
    {
        var tenant = TenantOf(entry.Info.TenantId);
        var lane = tenant.LaneOf(entry.Info.Type);
        var wasEmpty = lane.Count == 0;
        lane.Add(entry, returns);
        tenant.Count++;
        Count++;
        if (wasEmpty)
        {
            SetOf(lane.Type).Add(lane);
        }
    }

    public void Remove(TaskEntry entry)
    {
        if (entry.Lane is not { } lane)
        {
            return;
        }

        lane.Remove(entry);
        lane.Tenant.Count--;
        Count--;
        if (lane.Count == 0)
        {
            SetOf(lane.Type).Remove(lane);
            ForgetIfIdle(lane.Tenant);
        }
    }

    /// <summary>The task whose turn it is among those of the offered types; it stays queued until <see cref="Take"/>.</summary>
    public TaskEntry? Next(IReadOnlyList<string> types)
    {
        TenantLane? first = null;
        foreach (var type in types)
        {
            if (_lanesByType.TryGetValue(type, out var lanes) && lanes.Min is { } lane
                && (first is null || TenantLane.FairOrder.Compare(lane, first) < 0))
            {
                first = lane;
            }
        }

        return first?.Tenant.Next(types, _ageingMs);
    }

    /// <summary>Takes a task off the queue for a worker and charges its tenant.</summary>
    public void Take(TaskEntry entry)
    {
        var tenant = entry.Lane!.Tenant;
        Remove(entry);
        _virtualTime = Math.Max(_virtualTime, tenant.VirtualTime);

        // The sets are ordered by virtual time: a tenant's lanes leave them while it changes.
        foreach (var lane in tenant.Lanes)
        {
            if (lane.Count > 0)
            {
                SetOf(lane.Type).Remove(lane);
            }
        }

        tenant.VirtualTime += entry.Info.Cost;
        foreach (var lane in tenant.Lanes)
        {
            if (lane.Count > 0)
            {
                SetOf(lane.Type).Add(lane);
            }
        }

        if (Count == 0)
        {
            // A busy time is over: nobody was kept waiting, so nobody owes anything.
            _tenants.Clear();
        }
        else if (tenant.Count == 0)
        {
            // An idle tenant keeps its debt until the others have caught up with it.
            _tenants[tenant.TenantId] = tenant;
        }
    }

    private TenantQueue TenantOf(string tenantId)
    {
        if (!_tenants.TryGetValue(tenantId, out var tenant))
        {
            SweepIdle();
            tenant = new TenantQueue(tenantId, _nextOrdinal++);
            _tenants.Add(tenantId, tenant);
        }

        if (tenant.Count == 0)
        {
            // Idleness saves nothing up: who comes back starts where the pool is now.
            tenant.VirtualTime = Math.Max(tenant.VirtualTime, _virtualTime);
        }

        return tenant;
    }

    private SortedSet<TenantLane> SetOf(string type)
    {
        if (!_lanesByType.TryGetValue(type, out var lanes))
        {
            // Bounded by the catalogue of block types.
            _lanesByType.Add(type, lanes = new SortedSet<TenantLane>(TenantLane.FairOrder));
        }

        return lanes;
    }

    private void ForgetIfIdle(TenantQueue tenant)
    {
        if (tenant.Count == 0 && tenant.VirtualTime <= _virtualTime)
        {
            _tenants.Remove(tenant.TenantId);
        }
    }

    /// <summary>Idle tenants in debt are few, unless tenants come and go by the thousand: then their small debts are forgiven.</summary>
    private void SweepIdle()
    {
        if (_tenants.Count == 0 || _tenants.Count % 1024 != 0)
        {
            return;
        }

        var forgive = _tenants.Count >= MaxRememberedTenants;
        foreach (var idle in _tenants.Values.Where(t => t.Count == 0 && (forgive || t.VirtualTime <= _virtualTime)).ToList())
        {
            _tenants.Remove(idle.TenantId);
        }
    }
}
