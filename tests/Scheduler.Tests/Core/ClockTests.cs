using Beamline.Scheduler.Core;
using Beamline.Scheduler.Engine;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>What is done to the machine's clock changes no span of time, and every time of day.</summary>
public sealed class ClockTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private readonly CoreDriver _driver = new();

    public static TheoryData<TimeSpan> Jumps => [Hour, -Hour];

    [Theory]
    [MemberData(nameof(Jumps))]
    public void A_lease_keeps_what_its_term_had_left(TimeSpan jump)
    {
        _driver.Admit("a");
        _driver.Worker().Work(1);
        _driver.Pass(TimeSpan.FromSeconds(5));
        _driver.SetClock(jump);
        _driver.Pass(TimeSpan.FromSeconds(9.9));
        Assert.Equal(TaskPhase.Running, _driver.PhaseOf("a"));
        _driver.Pass(TimeSpan.FromSeconds(0.1));
        Assert.Equal((TaskPhase.Queued, 2), (_driver.PhaseOf("a"), _driver.Row("a").State.Delivery));
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public void A_held_call_is_answered_when_it_would_have_been_and_says_how_long_it_was_really_held(TimeSpan jump)
    {
        var call = _driver.Worker().Work(1);
        _driver.Pass(TimeSpan.FromSeconds(2));
        _driver.SetClock(jump);
        Assert.Null(call.Answer);
        _driver.Pass(TimeSpan.FromSeconds(3));
        Assert.Equal(5_000, call.Answer!.HeldMs);
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public void A_queue_timeout_and_the_wait_before_a_retry_last_as_long_as_they_were_to_also_over_a_restart(TimeSpan jump)
    {
        _driver.Admit("retried");
        var worker = _driver.Worker();
        worker.Work(1);
        worker.Report(0, CoreWorker.RetryAt(worker.Held.Keys.Single(), afterMs: 5_000));
        _driver.Admit("waits", job: """{"type":"crypto.hash","content":"x","queue_timeout_ms":20000}""");
        _driver.SetClock(jump);
        _driver.Crash(epoch: 2);
        _driver.Pass(TimeSpan.FromSeconds(4.9));
        Assert.Equal((TaskPhase.Parked, TaskPhase.Queued), (_driver.PhaseOf("retried"), _driver.PhaseOf("waits")));
        _driver.Pass(TimeSpan.FromSeconds(0.1));
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("retried"));
        _driver.Pass(TimeSpan.FromSeconds(15));
        Assert.Equal(TaskPhase.Timeout, _driver.PhaseOf("waits"));
    }

    [Fact]
    public void Times_of_day_are_looked_at_by_the_new_clock()
    {
        var soon = CoreDriver.Start + (long)Hour.TotalMilliseconds;
        _driver.Admit("later", more: $"\"not_before\":{soon},");
        _driver.Admit("expires", more: $"\"expires_at\":{soon},");
        _driver.SetClock(Hour);
        _driver.Pass(TimeSpan.Zero);
        Assert.Equal((TaskPhase.Queued, TaskPhase.Timeout), (_driver.PhaseOf("later"), _driver.PhaseOf("expires")));
    }

    [Fact]
    public void The_engines_clock_follows_the_monotonic_one_and_tells_once_when_the_other_was_set()
    {
        var time = new TwoClocks();
        var clock = new EngineClock(time);
        var start = clock.Now(out _);
        time.Pass(TimeSpan.FromSeconds(2));
        time.Set(TimeSpan.FromMilliseconds(-900));
        Assert.Equal((start + 2_000, 0L), (clock.Now(out var drift), drift));

        time.Set(-Hour);
        Assert.Equal((start + 1_100 - 3_600_000, -3_600_900L), (clock.Now(out var jump), jump));
        time.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal((start + 2_100 - 3_600_000, 0L), (clock.Now(out var again), again));
    }

    private sealed class TwoClocks : TimeProvider
    {
        private DateTimeOffset _wall = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
        private long _ticks = 17;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => _wall;

        public override long GetTimestamp() => _ticks;

        public void Pass(TimeSpan time) => (_wall, _ticks) = (_wall + time, _ticks + time.Ticks);

        public void Set(TimeSpan by) => _wall += by;
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public void Cpu_time_counts_for_its_window_and_no_longer_also_over_a_restart(TimeSpan jump)
    {
        var driver = new CoreDriver(tenants: new() { CpuWindow = TimeSpan.FromMinutes(1), Default = { CpuTimePerWindow = TimeSpan.FromSeconds(1) } });
        driver.AdmitMany(2);
        var worker = driver.Worker();
        worker.Work(1);
        driver.Pass(TimeSpan.FromSeconds(2));
        driver.SetClock(jump);
        worker.Report(0, CoreWorker.Ended(worker.Held.Keys.Single(), CoreDriver.Ok() with { Metrics = new() { CpuTimeMs = 1_500 } }));
        Assert.Null(worker.Work(1).Answer);
        driver.SetClock(jump);
        driver.Pass(TimeSpan.FromSeconds(50));
        Assert.Empty(worker.Held);
        driver.Crash(epoch: 2);
        var held = driver.Worker("w2").Work(1);
        Assert.Null(held.Answer);
        driver.Pass(TimeSpan.FromSeconds(15));
        driver.Worker("w3").Work(1);
        Assert.Equal(TaskPhase.Running, driver.PhaseOf("a1"));
    }

    [Fact]
    public void What_waited_before_the_clock_was_set_back_has_waited_all_the_same()
    {
        _driver.Admit("old", more: "\"priority\":5,");
        _driver.Admit("running", more: "\"priority\":9,");
        _driver.Worker().Work(1);
        _driver.SetClock(-Hour);
        _driver.Admit("new", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":1}}""", more: "\"priority\":4,");
        Assert.Equal(["old", "new"], _driver.Worker("w2").Work(2).Answer!.Leases.Select(l => l.AssignmentId));
    }
}
