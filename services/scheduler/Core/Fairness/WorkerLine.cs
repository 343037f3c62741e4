namespace Beamline.Scheduler.Core.Fairness;

/// <summary>
/// The workers of a pool that offer the same block types, and the tenants that have such work, by virtual time. Most pools have
/// one line: their workers are alike.
/// </summary>
internal sealed class WorkerLine(PoolQueue pool, IReadOnlyList<string> types)
{
    private SeatQueue _light;
    private SeatQueue _sized;
    private double _weight;
    private int _tenants;

    public PoolQueue Pool { get; } = pool;
    public IReadOnlyList<string> Types { get; } = types;

    /// <summary>Those with a held call and room, in the order of their turns.</summary>
    public LinkedList<WorkerState> Waiting { get; } = new();

    /// <summary>All that offer these types.</summary>
    public HashSet<WorkerState> Workers { get; } = [];

    /// <summary>Workers that are kept free for a task that needs much; a quarter of the line at most, so that the rest goes on.</summary>
    public int Reserved { get; set; }
    public bool MayReserve => Reserved < Math.Max(1, Workers.Count / 4);

    /// <summary>Where a tenant would be that was always served its exact share: what was handed out ÷ the weights of those that waited.</summary>
    public double VirtualTime { get; private set; }

    public void Seat(LineSeat seat) => QueueOf(seat.Light).Seat(seat, VirtualTime);

    public void Remove(LineSeat seat) => QueueOf(seat.Light).Remove(seat);

    /// <summary>A tenant with this weight begins to wait here.</summary>
    public void Enter(double weight)
    {
        _tenants++;
        _weight += weight;
    }

    public void Exit(double weight)
    {
        // From zero anew each time, or the sums' roundings would add up over months.
        _weight = --_tenants == 0 ? 0 : _weight - weight;
    }

    /// <summary>So much was given to one of those that wait here (taken back from it, when negative).</summary>
    public void HandedOut(double cost)
    {
        if (_tenants > 0)
        {
            VirtualTime += cost / _weight;
        }
    }

    public bool Offers(string type)
    {
        foreach (var offered in Types)
        {
            if (ReferenceEquals(offered, type) || offered == type)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Its last worker has left: seats in it are over.</summary>
    public bool IsGone { get; set; }

    /// <summary>Seats that are out of the heaps until what they wait for changes.</summary>
    public int StuckSeats { get; set; }

    /// <summary>Whether one of its workers is large enough.</summary>
    public bool CouldHold(TaskInfo task)
    {
        foreach (var worker in Workers)
        {
            if (worker.CouldHold(task))
            {
                return true;
            }
        }

        return false;
    }

    public bool IsFor(IReadOnlyList<string> offers) => Types.Count == offers.Count && offers.All(Offers);

    /// <summary>The seat whose turn it is; null when nobody has work that may run.</summary>
    public LineSeat? First()
    {
        var (light, sized) = (_light.First(VirtualTime), _sized.First(VirtualTime));
        if (light is null && sized is null)
        {
            // Everybody is ahead: nobody is kept waiting for that.
            if (_light.NextEligibleAt is var a && _sized.NextEligibleAt is var b && (a ?? b) is null)
            {
                return null;
            }

            VirtualTime = Math.Max(VirtualTime, Math.Min(a ?? double.MaxValue, b ?? double.MaxValue));
            (light, sized) = (_light.First(VirtualTime), _sized.First(VirtualTime));
        }

        if (light is null || sized is null)
        {
            return light ?? sized;
        }

        var (first, second) = (light.Deadline, sized.Deadline);
        return first < second || (first == second && light.Tenant.Ordinal <= sized.Tenant.Ordinal) ? light : sized;
    }

    /// <summary>The same among those with light tasks only.</summary>
    public LineSeat? FirstLight()
    {
        if (_light.First(VirtualTime) is { } seat)
        {
            return seat;
        }

        return _light.NextEligibleAt is { } next ? _light.First(Math.Max(VirtualTime, next)) : null;
    }

    private ref SeatQueue QueueOf(bool light) => ref light ? ref _light : ref _sized;
}
