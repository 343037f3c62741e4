namespace Beamline.Scheduler.Tests;

/// <summary>A clock that stands until it is moved; its timers fire while it moves, in order.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private const int Hops = 12;
    private DateTimeOffset _now = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
    private TaskCompletionSource _armed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
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

    public void Advance(TimeSpan by)
    {
        var end = GetUtcNow() + by;
        while (true)
        {
            ManualTimer? next;
            lock (_lock)
            {
                next = _timers.Where(timer => timer.Due <= end).MinBy(timer => timer.Due);
                _now = next?.Due ?? end;
                next?.Fired_NeedsLock();
            }

            if (next is null)
            {
                return;
            }

            next.Fire();
        }
    }

    /// <summary>Moves on to each wait of at most <paramref name="longest"/> in turn, as soon as somebody waits, until the goal is reached.</summary>
    public async Task RunUntilAsync(Task goal, TimeSpan? longest = null)
    {
        var bound = longest ?? TimeSpan.FromSeconds(5);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!goal.IsCompleted)
        {
            // A loop that only waits and waits again would move this clock for ever.
            Assert.False(patience.IsCancellationRequested, "What was waited for did not come, however much time passed.");
            Task armed;
            DateTimeOffset? due;
            lock (_lock)
            {
                armed = _armed.Task;
                due = _timers.Where(timer => timer.Span <= bound).Min(timer => timer.Due);
            }

            if (due is { } next)
            {
                Advance(next - GetUtcNow());
                // What the step has set going comes first, through several hops of the thread pool: on a busy machine this clock would
                // otherwise run ahead of the calls that are under way, and time them out.
                for (var hop = 0; hop < Hops && !goal.IsCompleted; hop++)
                {
                    await Task.WhenAny(goal, Task.Run(() => { }));
                }
            }
            else
            {
                await Task.WhenAny(goal, armed).WaitAsync(TimeSpan.FromSeconds(20));
            }
        }

        await goal;
    }

    /// <summary>Completes once somebody waits for exactly this long.</summary>
    public async Task WaitsAsync(TimeSpan span)
    {
        while (true)
        {
            Task armed;
            lock (_lock)
            {
                if (_timers.Any(timer => timer.Span == span && timer.Due is not null))
                {
                    return;
                }

                armed = _armed.Task;
            }

            await armed.WaitAsync(TimeSpan.FromSeconds(20));
        }
    }

    private sealed class ManualTimer(ManualTime owner, Action fire) : ITimer
    {
        private TimeSpan _period;

        public DateTimeOffset? Due { get; private set; }

        public TimeSpan Span { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            TaskCompletionSource armed;
            lock (owner._lock)
            {
                _period = period;
                owner._timers.Remove(this);
                (Due, Span) = (null, dueTime);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = owner._now + dueTime;
                    owner._timers.Add(this);
                }

                armed = owner._armed;
                owner._armed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            armed.SetResult();
            return true;
        }

        public void Fire() => fire();

        public void Fired_NeedsLock()
        {
            if (_period > TimeSpan.Zero)
            {
                Due += _period;
                return;
            }

            Due = null;
            owner._timers.Remove(this);
        }

        public void Dispose()
        {
            lock (owner._lock)
            {
                owner._timers.Remove(this);
                Due = null;
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
