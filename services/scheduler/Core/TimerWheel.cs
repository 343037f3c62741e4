using System.Numerics;

namespace Beamline.Scheduler.Core;

/// <summary>
/// At most one timer a task, to the millisecond, in a hierarchical timing wheel (Varghese and Lauck 1987): seven wheels of 64
/// slots, each slot of one as long as the whole wheel below it. A timer is set, moved and removed in O(1), whatever the number,
/// and comes down at most six wheels before it strikes. A heap would touch as many tasks as it has levels each time.
/// <code>
///  wheel 0: ms   1: 64 ms   2: 4 s   3: 4 min   4: 4.7 h   5: 12 days   6: 2 years
/// </code>
/// A slot is found by the digits (base 64) of the time itself: the highest digit in which a timer's time differs from the present
/// one names its wheel, so that all of a lower wheel strikes before anything of a higher one.
/// </summary>
internal sealed class TimerWheel
{
    private const int Bits = 6;
    private const int Slots = 1 << Bits;
    private const int Wheels = 7;

    /// <summary>The year 2109.</summary>
    private const long Latest = (1L << (Bits * Wheels)) - 1;

    private readonly TaskEntry?[] _heads = new TaskEntry?[Wheels * Slots];
    private readonly TaskEntry?[] _tails = new TaskEntry?[Wheels * Slots];

    /// <summary>A bit for each slot that holds a timer.</summary>
    private readonly ulong[] _taken = new ulong[Wheels];

    /// <summary>All that was due before has been given out.</summary>
    private long _now;

    public int Count { get; private set; }

    public void Set(TaskEntry entry, long due)
    {
        Remove(entry);
        entry.TimerDue = due;
        Place(entry);
    }

    public void Remove(TaskEntry entry)
    {
        if (!entry.HasTimer)
        {
            return;
        }

        var slot = entry.TimerSlot;
        if (entry.TimerBefore is { } before)
        {
            before.TimerAfter = entry.TimerAfter;
        }
        else
        {
            _heads[slot] = entry.TimerAfter;
        }

        if (entry.TimerAfter is { } after)
        {
            after.TimerBefore = entry.TimerBefore;
        }
        else
        {
            _tails[slot] = entry.TimerBefore;
        }

        if (_heads[slot] is null)
        {
            _taken[slot / Slots] &= ~(1UL << (slot % Slots));
        }

        entry.TimerBefore = entry.TimerAfter = null;
        entry.TimerSlot = -1;
        Count--;
    }

    /// <summary>Takes out a timer that is due by <paramref name="now"/>, earliest first; null when there is none.</summary>
    public TaskEntry? Next(long now)
    {
        while (Count > 0)
        {
            var (slot, start) = EarliestSlot();
            if (start > now)
            {
                break;
            }

            _now = Math.Max(_now, start);
            var first = _heads[slot]!;
            if (slot < Slots)
            {
                Remove(first);
                return first;
            }

            // The time of a longer slot has come: what is in it is told apart by the wheels below.
            for (var entry = first; entry is not null; entry = _heads[slot])
            {
                Remove(entry);
                Place(entry);
            }
        }

        _now = Math.Max(_now, now);
        return null;
    }

    /// <summary>Forgets all timers and begins at this time, which may be an earlier one.</summary>
    public void StartAfresh(long now)
    {
        for (var slot = 0; slot < _heads.Length; slot++)
        {
            while (_heads[slot] is { } entry)
            {
                Remove(entry);
            }
        }

        _now = now;
    }

    private void Place(TaskEntry entry)
    {
        // What is due already strikes at the next look.
        var due = Math.Min(Math.Max(entry.TimerDue, _now), Latest);
        var wheel = due == _now ? 0 : BitOperations.Log2((ulong)(due ^ _now)) / Bits;
        var slot = (wheel * Slots) + (int)((due >> (wheel * Bits)) & (Slots - 1));
        entry.TimerSlot = slot;
        entry.TimerBefore = _tails[slot];
        if (_tails[slot] is { } last)
        {
            last.TimerAfter = entry;
        }
        else
        {
            _heads[slot] = entry;
            _taken[wheel] |= 1UL << (slot % Slots);
        }

        _tails[slot] = entry;
        Count++;
    }

    /// <summary>The taken slot whose time comes first, and that time.</summary>
    private (int Slot, long Start) EarliestSlot()
    {
        for (var wheel = 0; wheel < Wheels; wheel++)
        {
            // Nothing lies before the present digit: it would have been due.
            var at = (int)((_now >> (wheel * Bits)) & (Slots - 1));
            var ahead = _taken[wheel] >> at;
            if (ahead != 0)
            {
                var digit = at + BitOperations.TrailingZeroCount(ahead);
                var turn = _now >> ((wheel + 1) * Bits) << ((wheel + 1) * Bits);
                return ((wheel * Slots) + digit, turn + ((long)digit << (wheel * Bits)));
            }
        }

        throw new InvalidOperationException("There are timers and no slot holds one: the wheel's time went back.");
    }
}
