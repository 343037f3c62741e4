using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core.Fairness;

/// <summary>
/// The work that waits for one pool.
/// <code>
///  line of workers with the same offers ─▶ tenants by virtual time ─▶ lanes (type, size) ─▶ groups (concurrency key) ─▶ ten priorities
/// </code>
/// Between tenants: of those that have not had more than their share (cost given so far ÷ weight: virtual time) the one whose next
/// task is due first (<see cref="SeatQueue"/>), so a flood stands behind everyone else's few; within a tenant priority with ageing, then first come. Tenants
/// and keys that a limit holds are in no heap, so that they cost nothing. A choice is O(log tenants + lanes of one tenant).
/// </summary>
internal sealed class PoolQueue(SchedulingOptions options)
{
    /// <summary>Tenants whose turn it is and that have nothing that fits, tried in one choice before only light tasks are looked for.</summary>
    private const int MostTried = 64;
    private const double Follow = 0.05;
    private const int FewTenants = 64;

    private readonly List<WorkerLine> _lines = [];
    private readonly HashSet<TenantQueue> _queued = [];
    private readonly Dictionary<string, double> _meanByType = new(StringComparer.Ordinal);
    private readonly PassedOver _passed = new();
    private readonly List<LineSeat> _aside = [];
    private long _busyTime = 1;
    private double _weighed;
    private long _weighedAt;
    private double _busyFrom;
    private long _nextOrdinal;

    public long AgeingMs { get; } = (long)options.AgeingStep.TotalMilliseconds;

    public int Count { get; private set; }

    /// <summary>Something may be given out that was not there at the last look.</summary>
    public bool Stirred { get; set; }

    public IReadOnlyList<WorkerLine> Lines => _lines;

    /// <summary>The task that <see cref="Next"/> passed over once too often and that the worker asked for could hold when empty.</summary>
    public TaskEntry? Starving { get; private set; }

    /// <param name="entry">A task that is not queued.</param>
    /// <param name="key">Its concurrency key, when that has a limit.</param>
    /// <param name="returns">It was here before and comes back to its old place.</param>
    public void Add(TaskEntry entry, KeyState? key, bool returns)
    {
        var tenant = QueueOf(entry.Tenant);
        Count++;
        if (tenant.Count++ == 0)
        {
            _queued.Add(tenant);
        }

        tenant.LaneOf(entry.Info.Type, TaskSize.Of(entry)).Add(entry, key, returns);
        Stirred = true;
    }

    public void Remove(TaskEntry entry)
    {
        if (entry.Group is not { } group)
        {
            return;
        }

        var tenant = group.Lane.Tenant;
        group.Lane.Remove(entry);
        entry.Tenant.Unclaim(entry);
        entry.ReservedOn?.Unreserve();
        entry.PassedOver = 0;
        Count--;
        if (--tenant.Count == 0)
        {
            _queued.Remove(tenant);
        }

        if (Count == 0)
        {
            // A busy time is over: nobody was kept waiting, so nobody owes anything.
            _busyTime++;
            _busyFrom = _lines.Count == 0 ? 0 : _lines.Min(l => l.VirtualTime);
        }
    }

    /// <summary>The task whose turn it is among those that this worker can take; it stays queued until <see cref="Take"/>.</summary>
    public TaskEntry? Next(WorkerLine line, in WorkerRoom room, WorkerState worker)
    {
        _passed.Clear();
        Starving = null;
        TaskEntry? found = null;
        while (found is null && (_aside.Count < MostTried ? line.First() : line.FirstLight()) is { } seat)
        {
            found = seat.Tenant.Next(line, room, _passed);
            if (found is null)
            {
                line.Remove(seat);
                if (!seat.Light && seat.Tenant.IsStuckIn(line))
                {
                    seat.Stick();
                }
                else
                {
                    _aside.Add(seat);
                }
            }
        }

        foreach (var seat in _aside)
        {
            line.Seat(seat);
        }

        _aside.Clear();
        if (found is not null)
        {
            CountPassedOver(worker);
        }

        return found;
    }

    /// <summary>Takes a task off the queue for a worker of this line and charges its tenant what it is expected to cost.</summary>
    public void Take(WorkerLine line, TaskEntry entry)
    {
        var tenant = entry.Group!.Lane.Tenant;
        entry.Charged = EstimateOf(entry);
        entry.ChargedIn = line;
        line.HandedOut(entry.Charged);
        Remove(entry);
        tenant.Charge(entry.Charged);
    }

    /// <summary>What a queued task is expected to cost, in milliseconds × slots.</summary>
    public double EstimateOf(TaskEntry entry)
    {
        var lane = entry.Group!.Lane;
        return lane.EstimateMs(entry, lane.IsMeasured ? 0 : _meanByType.GetValueOrDefault(lane.Type)) * entry.Slots;
    }

    /// <summary>Sets what a task given out was charged to what it is known to cost by now, in milliseconds × slots.</summary>
    public void Recharge(TaskEntry entry, double cost)
    {
        var tenant = QueueOf(entry.Tenant);
        if (entry.ChargedIn is { } line && tenant.IsIn(line) && !entry.Tenant.IsHeld)
        {
            line.HandedOut(cost - entry.Charged);
        }

        tenant.Charge(cost - entry.Charged);
        entry.Charged = cost;
    }

    /// <summary>A task of this type and tenant has run for so long: what the next are expected to cost.</summary>
    public void Measured(TaskEntry entry, double ranMs)
    {
        QueueOf(entry.Tenant).LaneOf(entry.Info.Type, TaskSize.Of(entry)).Measured(ranMs);
        _meanByType[entry.Info.Type] = _meanByType.TryGetValue(entry.Info.Type, out var mean) ? mean + (Follow * (ranMs - mean)) : ranMs;
    }

    /// <summary>
    /// Sum of the weights of the tenants that wait, this one included. Looks at each; where they are many, ten times a second at most,
    /// for each admission with an <c>expires_at</c> asks for it.
    /// </summary>
    public double WaitingWeight(long now, TenantQueue tenant)
    {
        if (_queued.Count <= FewTenants || Math.Abs(now - _weighedAt) >= 100)
        {
            (_weighed, _weighedAt) = (_queued.Sum(t => t.Tenant.IsHeld ? 0 : t.Tenant.Policy.Weight), now);
        }

        return tenant.Count > 0 && !tenant.Tenant.IsHeld ? Math.Max(_weighed, tenant.Tenant.Policy.Weight) : _weighed + tenant.Tenant.Policy.Weight;
    }

    /// <summary>A limit held the tenant and does so no more.</summary>
    public void Resume(TenantQueue tenant)
    {
        var now = default(LinesTime);
        foreach (var line in _lines)
        {
            if (tenant.IsIn(line))
            {
                now.Add(line);
                line.Enter(tenant.Tenant.Policy.Weight);
                Stirred = true;
            }
        }

        tenant.CatchUp(now.Value);
        tenant.Reseat();
    }

    /// <summary>A limit holds the tenant from now on.</summary>
    public void Suspend(TenantQueue tenant)
    {
        foreach (var line in _lines)
        {
            if (tenant.IsIn(line))
            {
                line.Exit(tenant.Tenant.Policy.Weight);
            }
        }
    }

    /// <summary>A lane has got its first task that may run, or lost its last.</summary>
    public void ReadinessChanged(TenantLane lane)
    {
        var tenant = lane.Tenant;
        if (lane.IsReady)
        {
            Join(tenant, lane.Type);
        }

        foreach (var line in _lines)
        {
            if (line.Offers(lane.Type))
            {
                SetReady(tenant.SeatIn(line, lane.Size.IsLight), lane.IsReady ? 1 : -1);
            }
        }

        Stirred |= lane.IsReady;
    }

    /// <summary>Whether some worker runs such tasks and is large enough.</summary>
    public bool CouldRun(TaskInfo task)
    {
        foreach (var line in _lines)
        {
            if (line.Offers(task.Type) && line.CouldHold(task))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The line of the workers with these offers; a new one looks at all tenants once.</summary>
    public WorkerLine LineOf(IReadOnlyList<string> offers)
    {
        foreach (var line in _lines)
        {
            if (line.IsFor(offers))
            {
                return line;
            }
        }

        // Bounded by the workers: a line without any is dropped.
        var made = new WorkerLine(this, [.. offers]);
        _lines.Add(made);
        foreach (var lane in _queued.SelectMany(t => t.Lanes).Where(l => l.IsReady && made.Offers(l.Type)))
        {
            SetReady(lane.Tenant.SeatIn(made, lane.Size.IsLight), 1);
        }

        return made;
    }

    public void Leave(WorkerLine line, WorkerState worker)
    {
        line.Workers.Remove(worker);
        if (line.Workers.Count > 0 || !_lines.Remove(line))
        {
            return;
        }

        line.IsGone = true;
        foreach (var tenant in _queued)
        {
            tenant.Leave(line);
        }
    }

    /// <summary>A worker of this line has come or has grown: what was too large may fit. Looks at each tenant that waits, and may: it is rare.</summary>
    public void Unstick(WorkerLine line)
    {
        if (line.StuckSeats > 0)
        {
            foreach (var tenant in _queued)
            {
                tenant.Unstick();
            }
        }
    }

    public void ClockWasSet()
    {
        foreach (var group in _queued.SelectMany(tenant => tenant.Groups).ToList())
        {
            group.FindFirst();
            group.Lane.Settle(group);
        }
    }

    private static void SetReady(LineSeat seat, int more)
    {
        var tenant = seat.Tenant;
        var was = tenant.IsIn(seat.Line);
        seat.ReadyLanes += more;
        var isIn = tenant.IsIn(seat.Line);
        if (was != isIn && !tenant.Tenant.IsHeld)
        {
            if (isIn)
            {
                seat.Line.Enter(tenant.Tenant.Policy.Weight);
            }
            else
            {
                seat.Line.Exit(tenant.Tenant.Policy.Weight);
            }
        }

        // One that has lost its last is found when its turn comes; its tenant's time may have started afresh since one left it there.
        if (isIn)
        {
            seat.Line.Seat(seat);
        }
    }

    /// <summary>A tenant that no line of this type's workers has in hand starts where they are: see <see cref="LinesTime"/>.</summary>
    private void Join(TenantQueue tenant, string type)
    {
        var now = default(LinesTime);
        foreach (var line in _lines)
        {
            if (!line.Offers(type))
            {
                continue;
            }

            if (tenant.IsIn(line))
            {
                return;
            }

            now.Add(line);
        }

        tenant.CatchUp(now.Value);
    }

    private TenantQueue QueueOf(TenantState tenant)
    {
        if (tenant.QueueIn(this) is not { } queue)
        {
            queue = new TenantQueue(tenant, this, _nextOrdinal++);
            tenant.Queues.Add(queue);
        }

        queue.Use(_busyTime, _busyFrom);
        return queue;
    }

    private void CountPassedOver(WorkerState worker)
    {
        for (var i = 0; i < _passed.Count; i++)
        {
            var entry = _passed[i];
            if (++entry.PassedOver < options.SkipsBeforeReservation)
            {
                continue;
            }

            if (!worker.CouldHold(entry.Info))
            {
                // Room for nothing: another worker may be large enough.
            }
            else if (!entry.Tenant.HasMemoryFor(entry))
            {
                entry.Tenant.Claim(entry);
            }
            else if (entry.ReservedOn is null)
            {
                Starving ??= entry;
            }
        }
    }
}
