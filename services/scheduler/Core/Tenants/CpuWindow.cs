namespace Beamline.Scheduler.Core.Tenants;

/// <summary>CPU time used over a sliding window, in twenty slots: it moves on by a twentieth at a time.</summary>
internal sealed class CpuWindow(long windowMs)
{
    private const int Slots = 20;
    private readonly long _slotMs = Math.Max(1, windowMs / Slots);
    private readonly Queue<(long Start, long UsedMs)> _slots = new();
    private long _open;
    private long _openUsedMs;

    public long UsedMs { get; private set; }

    public bool IsEmpty => UsedMs == 0;

    /// <summary>Counts what a step used; returns the slot it went into and what that holds now.</summary>
    public (long Start, long UsedMs) Add(long now, long usedMs)
    {
        Move(now);
        _openUsedMs += usedMs;
        UsedMs += usedMs;
        return (_open, _openUsedMs);
    }

    /// <summary>When less than <paramref name="limitMs"/> is used, if nothing more is: now or later.</summary>
    public long FreeAt(long now, long limitMs)
    {
        Move(now);
        var left = UsedMs;
        if (left < limitMs)
        {
            return now;
        }

        foreach (var (start, used) in _slots)
        {
            left -= used;
            if (left < limitMs)
            {
                return start + ((Slots + 1) * _slotMs);
            }
        }

        return _open + ((Slots + 1) * _slotMs);
    }

    /// <summary>A slot as the ledger kept it; oldest first.</summary>
    public void Restore(long start, long usedMs)
    {
        Move(start);
        _openUsedMs = usedMs;
        UsedMs += usedMs;
    }

    public void Move(long now)
    {
        var start = now - (now % _slotMs);
        if (start > _open)
        {
            if (_openUsedMs > 0)
            {
                _slots.Enqueue((_open, _openUsedMs));
            }

            (_open, _openUsedMs) = (start, 0);
        }

        while (_slots.TryPeek(out var oldest) && oldest.Start + (Slots * _slotMs) < start)
        {
            UsedMs -= _slots.Dequeue().UsedMs;
        }
    }
}
