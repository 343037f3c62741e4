using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core.Fairness;

/// <summary>One tenant's queued work in one pool, and what it was given of the pool so far.</summary>
internal sealed class TenantQueue(TenantState tenant, PoolQueue pool, long ordinal)
{
    private const int MostExactLanes = 64;
    private readonly List<TenantLane> _lanes = [];

    /// <summary>Lanes with a task that may run, by the place of that task.</summary>
    private IndexedHeap<TenantLane> _ready;
    private readonly List<LineSeat> _seats = [];
    private long _busyTime;

    public TenantState Tenant { get; } = tenant;
    public PoolQueue Pool { get; } = pool;

    /// <summary>Breaks ties of virtual time, the same way each time.</summary>
    public long Ordinal { get; } = ordinal;

    /// <summary>Cost given so far ÷ weight, in the pool's own time.</summary>
    public double VirtualTime { get; private set; }

    /// <summary>What its next task is expected to cost ÷ weight.</summary>
    public double NextCost => _ready.First?.First?.First is { } next ? Pool.EstimateOf(next) / Tenant.Policy.Weight : 0;

    /// <summary>Queued tasks.</summary>
    public int Count { get; set; }
    public IReadOnlyList<TenantLane> Lanes => _lanes;
    public IReadOnlyList<LineSeat> Seats => _seats;

    /// <summary>Groups of its lanes, those included that a limit holds. Looks at each key of the tenant once.</summary>
    public IEnumerable<KeyGroup> Groups => _lanes.Select(lane => lane.Plain).OfType<KeyGroup>()
        .Concat(Tenant.Keys.Values.SelectMany(key => key.Groups).Where(group => ReferenceEquals(group.Lane.Tenant, this)));

    public TenantLane LaneOf(string type, TaskSize size)
    {
        if (FindLane(type, size) is { } exact)
        {
            return exact;
        }

        // Bounded: beyond so many lanes by the block types of a pool times the powers of two.
        if (_lanes.Count >= MostExactLanes)
        {
            size = size.Rounded;
        }

        if (FindLane(type, size) is { } rounded)
        {
            return rounded;
        }

        var made = new TenantLane(this, type, size);
        _lanes.Add(made);
        return made;
    }

    public LineSeat SeatIn(WorkerLine line, bool light)
    {
        foreach (var seat in _seats)
        {
            if (ReferenceEquals(seat.Line, line) && seat.Light == light)
            {
                return seat;
            }
        }

        // It had nothing queued when their lines went.
        _seats.RemoveAll(seat => seat.Line.IsGone);
        var made = new LineSeat(this, line, light);
        _seats.Add(made);
        return made;
    }

    /// <summary>Puts its places in order after its time went back.</summary>
    public void Reseat()
    {
        foreach (var seat in _seats)
        {
            seat.Line.Seat(seat);
        }
    }

    /// <summary>Whether the line has it in hand: some of its work may run there.</summary>
    public bool IsIn(WorkerLine line)
    {
        foreach (var seat in _seats)
        {
            if (ReferenceEquals(seat.Line, line) && seat.ReadyLanes > 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Nothing it has for the line may start, on however empty a worker: its tenant's memory is used up, or no worker of the line is
    /// large enough. True only of what a change that the tenant, the lane or the line tells of will end.
    /// </summary>
    public bool IsStuckIn(WorkerLine line)
    {
        foreach (var lane in _lanes)
        {
            if (lane.First?.First is { } first && line.Offers(lane.Type) && Tenant.HasMemoryFor(first) && line.CouldHold(first.Info))
            {
                return false;
            }
        }

        return true;
    }

    public void Unstick()
    {
        foreach (var seat in _seats)
        {
            if (seat.IsStuck)
            {
                seat.Unstick();
                seat.Line.Seat(seat);
                Pool.Stirred = true;
            }
        }
    }

    /// <summary>What is owed from an earlier busy time of the pool is forgiven: it starts where the pool is.</summary>
    public void Use(long busyTime, double virtualTime)
    {
        if (_busyTime != busyTime)
        {
            _busyTime = busyTime;
            VirtualTime = virtualTime;
        }
    }

    public void Leave(WorkerLine line) => _seats.RemoveAll(seat => ReferenceEquals(seat.Line, line));

    /// <summary>Idleness saves nothing up: who comes back starts where the others are now.</summary>
    public void CatchUp(double virtualTime) => VirtualTime = Math.Max(VirtualTime, virtualTime);

    /// <summary>Cost is added when a task is given out or turns out dearer, and taken off when it turns out cheaper.</summary>
    public void Charge(double cost)
    {
        VirtualTime += cost / Tenant.Policy.Weight;
        if (cost < 0)
        {
            // A later key is found out when its turn comes; an earlier one must be known at once.
            Reseat();
        }
    }

    /// <summary>
    /// The task whose turn it is among those of the offered types that fit; null when none does. What is its turn and does not
    /// fit is passed over.
    /// </summary>
    public TaskEntry? Next(WorkerLine line, in WorkerRoom room, PassedOver passed)
    {
        if (_ready.First is { } first && line.Offers(first.Type) && Fits(first.First!, room))
        {
            passed.KeepBefore(first.First);
            return first.First!.First;
        }

        return Search(line, room, passed);
    }

    /// <summary>The lane's first task, or which it is, has changed.</summary>
    public void LaneChanged(TenantLane lane)
    {
        if (lane.First is not { } group)
        {
            _ready.Remove(lane);
        }
        else if (lane.IsInHeap)
        {
            _ready.Update(lane, group.FirstKey, group.First!.Id);
        }
        else
        {
            _ready.Push(lane, group.FirstKey, group.First!.Id);
        }

        if (!lane.Size.IsLight)
        {
            Unstick();
        }
    }

    private TenantLane? FindLane(string type, TaskSize size)
    {
        foreach (var lane in _lanes)
        {
            if (lane.Size == size && lane.Type == type)
            {
                return lane;
            }
        }

        return null;
    }

    private bool Fits(KeyGroup group, in WorkerRoom room) =>
        group.Lane.Size.IsLight || (room.Fits(group.First!) && Tenant.HasMemoryFor(group.First!));

    private TaskEntry? Search(WorkerLine line, in WorkerRoom room, PassedOver passed)
    {
        KeyGroup? best = null;
        foreach (var lane in _lanes)
        {
            if (lane.First is not { } group || !line.Offers(lane.Type) || (best is not null && !group.IsBefore(best)))
            {
                continue;
            }

            if (Fits(group, room))
            {
                best = group;
            }
            else
            {
                passed.Add(group);
            }
        }

        passed.KeepBefore(best);
        return best?.First;
    }
}
