namespace Beamline.Scheduler.Core.Fairness;

/// <summary>
/// The workers of a pool that offer the same block types, and the tenants that have such work, by virtual time. Most pools have
/// one line: their workers are alike.
/// </summary>
internal sealed class WorkerLine(PoolQueue pool, IReadOnlyList<string> types)
{
    private IndexedHeap<LineSeat> _light;
    private IndexedHeap<LineSeat> _sized;

    public PoolQueue Pool { get; } = pool;
    public IReadOnlyList<string> Types { get; } = types;

    /// <summary>Those with a held call and room, in the order of their turns.</summary>
    public LinkedList<WorkerState> Waiting { get; } = new();

    /// <summary>All that offer these types.</summary>
    public HashSet<WorkerState> Workers { get; } = [];

    /// <summary>Workers that are kept free for a task that needs much; a quarter of the line at most, so that the rest goes on.</summary>
    public int Reserved { get; set; }
    public bool MayReserve => Reserved < Math.Max(1, Workers.Count / 4);

    /// <summary>Where the line's service is: the virtual time of the tenant served last.</summary>
    public double VirtualTime { get; private set; }

    public ref IndexedHeap<LineSeat> HeapOf(bool light) => ref light ? ref _light : ref _sized;

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

    public bool IsFor(IReadOnlyList<string> offers) => Types.Count == offers.Count && offers.All(Offers);

    public void Served(double virtualTime) => VirtualTime = Math.Max(VirtualTime, virtualTime);

    /// <summary>The seat whose turn it is; null when nobody has work that may run.</summary>
    public LineSeat? First()
    {
        var (light, sized) = (First(ref _light), First(ref _sized));
        if (light is null || sized is null)
        {
            return light ?? sized;
        }

        var (a, b) = (light.Tenant, sized.Tenant);
        return a.VirtualTime < b.VirtualTime || (a.VirtualTime == b.VirtualTime && a.Ordinal <= b.Ordinal) ? light : sized;
    }

    /// <summary>The same among those with light tasks only.</summary>
    public LineSeat? FirstLight() => First(ref _light);

    // Seats whose time has moved on, or that have nothing to run, are found here and not when that happens: each once.
    private static LineSeat? First(ref IndexedHeap<LineSeat> heap)
    {
        while (heap.First is { } seat)
        {
            if (!seat.MayBeServed)
            {
                heap.Remove(seat);
            }
            else if (heap.KeyOf(seat) < seat.Tenant.VirtualTime)
            {
                heap.Update(seat, seat.Tenant.VirtualTime, seat.Tenant.Ordinal);
            }
            else
            {
                return seat;
            }
        }

        return null;
    }
}
