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

    /// <summary>A slot as the ledger kept it; oldest first. None lies after now: the clock may have been set back since.</summary>
    public void Restore(long now, long start, long usedMs)
    {
        Move(Math.Min(start, now));
        _openUsedMs += usedMs;
        UsedMs += usedMs;
    }

    /// <summary>Moves all slots along with the clock; returns those that are no more, as empty, and then those that are now.</summary>
    public IReadOnlyList<(long Start, long UsedMs)> ClockWasSet(long byMs)
    {
        // Whole slots, so that they begin where slots begin.
        var by = byMs - (byMs % _slotMs);
        (long Start, long UsedMs)[] slots = [.. _slots, .. _openUsedMs > 0 ? [(_open, _openUsedMs)] : Array.Empty<(long, long)>()];
        _slots.Clear();
        foreach (var (start, used) in slots.Where(s => s.Start != _open))
        {
            _slots.Enqueue((start + by, used));
        }

        _open += by;
        return [.. slots.Select(s => (s.Start, 0L)), .. slots.Select(s => (s.Start + by, s.UsedMs))];
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
