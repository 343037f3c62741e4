namespace Beamline.TestKit.Clocks;

/// <summary>A clock that stands still until it is moved; timers fire while it moves, in their order, on the mover's thread.</summary>
public sealed class ManualClock : TimeProvider
{
    private readonly Lock _gate = new(); // Guards the time and the timers.
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
        {
            return _now;
        }
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves the time; every timer due on the way fires at its own time.</summary>
    public void Advance(TimeSpan by)
    {
        var end = GetUtcNow() + by;
        while (TakeDue(end) is { } due)
        {
            due.Fire();
        }
    }

    /// <summary>Moves on in small steps until the goal is reached: for work that comes back to the clock on other threads.</summary>
    /// <exception cref="TimeoutException">Not reached within <paramref name="atMost"/> of this clock's time.</exception>
    public async Task AdvanceUntilAsync(Task goal, TimeSpan atMost)
    {
        var step = TimeSpan.FromMilliseconds(25);
        for (var moved = TimeSpan.Zero; !goal.IsCompleted; moved += step)
        {
            if (moved > atMost)
            {
                throw new TimeoutException($"Not reached within {atMost} of the manual clock.");
            }

            Advance(step);
            // Lets what the timers have set free run, for a moment of real time at most.
            await Task.WhenAny(goal, Task.Delay(TimeSpan.FromMilliseconds(1), System));
        }

        await goal;
    }

    private ManualTimer? TakeDue(DateTimeOffset end)
    {
        lock (_gate)
        {
            var next = _timers.Where(timer => timer.Due <= end).MinBy(timer => timer.Due);
            _now = next?.Due ?? end;
            next?.Rearm();
            return next;
        }
    }

    private sealed class ManualTimer(ManualClock clock, Action fire) : ITimer
    {
        private TimeSpan _period;

        public DateTimeOffset Due { get; private set; }

        public void Fire() => fire();

        // Under the clock's lock.
        public void Rearm()
        {
            if (_period > TimeSpan.Zero)
            {
                Due += _period;
            }
            else
            {
                clock._timers.Remove(this);
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._gate)
            {
                clock._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = clock._now + dueTime;
                    _period = period;
                    clock._timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose()
        {
            lock (clock._gate)
            {
                clock._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
