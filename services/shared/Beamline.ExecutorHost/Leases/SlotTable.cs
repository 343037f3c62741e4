namespace Beamline.ExecutorHost.Leases;

/// <summary>
/// The worker's slots, who is in them, who waits for one, and how long steps take. Guarded by the lock of <see cref="LeaseBook"/>,
/// which owns it.
/// </summary>
internal sealed class SlotTable(int slots, int memoryMb)
{
    /// <summary>Most leases beyond the slots: enough to keep very short blocks busy for one round trip.</summary>
    public const int MostPrefetch = 64;

    private static readonly TimeSpan WakeUp = TimeSpan.FromMilliseconds(10);

    private readonly Queue<HeldLease> _waiting = [];
    private readonly HashSet<HeldLease> _inside = [];
    private int _busy;
    private int _waitingSlots;
    private long _usedMb;
    private bool _shortOfMemory;
    private TimeSpan? _meanRun;
    private TimeSpan _roundTrip;

    public int Slots => slots;
    public int Busy => _busy;
    public int Stuck { get; private set; }
    public int Waiting { get; private set; }

    /// <summary>Leases that are in slots, stuck ones included.</summary>
    public IReadOnlyCollection<HeldLease> Inside => _inside;

    public IEnumerable<HeldLease> Queued => _waiting.Where(lease => lease.Phase == LeasePhase.Waiting);

    public void Enqueue(HeldLease lease)
    {
        lease.Phase = LeasePhase.Waiting;
        _waiting.Enqueue(lease);
        _waitingSlots += lease.Slots;
        Waiting++;
    }

    /// <summary>It no longer waits. Its place in the queue is skipped later.</summary>
    public void Unqueue(HeldLease lease)
    {
        _waitingSlots -= lease.Slots;
        Waiting--;
    }

    /// <summary>The first that waits, now in its slots; null when none waits or it does not fit: nobody overtakes a large one.</summary>
    public HeldLease? Admit()
    {
        _shortOfMemory = false;
        while (_waiting.TryPeek(out var first))
        {
            if (first.Phase != LeasePhase.Waiting)
            {
                _waiting.Dequeue();
                continue;
            }

            if (_busy + first.Slots > slots)
            {
                return null;
            }

            if (_usedMb + MemoryOf(first) > memoryMb)
            {
                _shortOfMemory = true;
                return null;
            }

            _waiting.Dequeue();
            Unqueue(first);
            _busy += first.Slots;
            _usedMb += MemoryOf(first);
            _inside.Add(first);
            return first;
        }

        return null;
    }

    public void Release(HeldLease lease)
    {
        if (_inside.Remove(lease))
        {
            _busy -= lease.Slots;
            _usedMb -= MemoryOf(lease);
            if (lease.Stuck)
            {
                Stuck -= lease.Slots;
            }
        }
    }

    public void GiveUp(HeldLease lease)
    {
        lease.Stuck = true;
        Stuck += lease.Slots;
    }

    public void Ran(TimeSpan time) => _meanRun = Smooth(_meanRun ?? time, time);

    public void RoundTrip(TimeSpan time) => _roundTrip = Smooth(_roundTrip, time);

    /// <summary>
    /// Leases wanted, in slots: the idle ones, and for very short blocks what would run during one round trip. None while one
    /// waits for memory: what came now would wait behind it, and is better off elsewhere.
    /// </summary>
    public int Free(TimeSpan now)
    {
        var usable = slots - Stuck;
        return usable == 0 || _shortOfMemory ? 0 : Math.Max(0, usable + Prefetch(usable, now) - (_busy - Stuck) - _waitingSlots);
    }

    // What asks for more than there is only comes in to be refused.
    private long MemoryOf(HeldLease lease) => lease.Job.MemoryMb is { } asked && asked <= memoryMb ? asked : 0;

    private int Prefetch(int usable, TimeSpan now)
    {
        if (_meanRun is not { } expected)
        {
            return 0;
        }

        // A step that runs longer than the mean already says that the mean is out of date. What a thread takes to wake up says nothing.
        foreach (var lease in _inside)
        {
            var ran = now - lease.StartedAt;
            expected = ran > expected && ran > WakeUp ? ran : expected;
        }

        var runs = usable * _roundTrip.TotalMicroseconds / Math.Max(1, expected.TotalMicroseconds);
        return (int)Math.Min(MostPrefetch, runs);
    }

    private static TimeSpan Smooth(TimeSpan mean, TimeSpan sample) => mean + ((sample - mean) / 8);
}
