using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>What a result says of the run, whoever ended it.</summary>
public sealed class EndingTests
{
    private readonly CoreDriver _driver = new();

    [Fact]
    public void A_task_cancelled_in_flight_says_who_ran_it_how_long_and_what_it_used()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(1);
        _driver.Cancel("a");
        worker.Report(0, CoreWorker.Ended(worker.Held.Keys.Single(), CoreDriver.Failed() with { Metrics = new StepMetrics { CpuTimeMs = 7 } }) with { RanMs = 1_200, RetriesUsed = 2 });

        var ending = _driver.EndingOf("a");
        Assert.Equal((TaskPhase.Cancelled, "w1", 1_200L, 2, 7L), (ending.Phase, ending.Worker, ending.Step.LatencyMs, ending.Step.RetriesUsed, ending.Step.Metrics!.CpuTimeMs));
    }

    [Fact]
    public void What_ran_before_counts_when_the_scheduler_ends_it()
    {
        _driver.Admit("cancelled");
        _driver.Admit("lost", job: """{"type":"crypto.hash","content":"x","redelivery":"at_most_once"}""");
        var worker = _driver.Worker();
        worker.Work(2);
        var (cancelled, lost) = (worker.Held.Keys.Min(), worker.Held.Keys.Max());
        worker.Report(0, CoreWorker.RetryAt(cancelled, afterMs: 60_000, ranMs: 4_000));
        _driver.Call(worker.Request(ExchangeChannels.Report, 0, starts: [new LeaseStart(lost)]) with { Running = [new RunningLease(lost, 700, 0)] });
        _driver.Cancel("cancelled");
        _driver.Pass(TimeSpan.FromSeconds(15));
        Assert.Equal((4_000L, 1), (_driver.EndingOf("cancelled").Step.LatencyMs, _driver.EndingOf("cancelled").Step.RetriesUsed));
        Assert.Equal((700L, "w1"), (_driver.EndingOf("lost").Step.LatencyMs, _driver.EndingOf("lost").Worker));
    }

    [Fact]
    public void A_committed_cancellation_wins_over_the_end_of_the_total_time()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","timeout_ms":1000}""");
        var worker = _driver.Worker();
        worker.Work(1);
        _driver.Cancel("a");
        _driver.Call(worker.Request(ExchangeChannels.Report, 0) with { Running = [new RunningLease(worker.Held.Keys.Single(), 11_001, 0)] });
        Assert.Equal(TaskPhase.Cancelled, _driver.PhaseOf("a"));
    }
}
