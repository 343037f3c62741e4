using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Tests.Core;

public sealed class TimeAndCancelTests
{
    private readonly CoreDriver _driver = new();

    [Fact]
    public void A_task_waits_for_its_not_before()
    {
        _driver.Admit("a", more: $"\"not_before\":{CoreDriver.Start + 3_000},");
        Assert.Equal(TaskPhase.Parked, _driver.PhaseOf("a"));
        var call = _driver.Worker().Work(1);
        _driver.Pass(TimeSpan.FromSeconds(2.9));
        Assert.Null(call.Answer);
        _driver.Pass(TimeSpan.FromSeconds(0.1));
        Assert.Single(call.Answer!.Leases);
    }

    [Fact]
    public void A_task_that_expires_before_a_start_times_out_and_says_expired()
    {
        _driver.Admit("a", more: $"\"expires_at\":{CoreDriver.Start + 3_000},");
        _driver.Pass(TimeSpan.FromSeconds(3));
        var step = _driver.EndingOf("a").Step;
        Assert.Equal(StepStatus.Timeout, step.Status);
        Assert.Contains("\"reason\":\"expired\"", step.ErrorDetails.ToString(), StringComparison.Ordinal);
        Assert.Equal(["accepted", "timed_out"], _driver.EventsOf("a"));
        Assert.Empty(_driver.DeadLetters);
    }

    [Fact]
    public void An_expired_task_is_admitted_and_ends_at_once()
    {
        _driver.Admit("a", more: $"\"expires_at\":{CoreDriver.Start - 1},");
        Assert.Equal(TaskPhase.Timeout, _driver.PhaseOf("a"));
    }

    [Fact]
    public void A_retry_that_could_start_only_after_the_expiry_ends_the_task_now()
    {
        _driver.Admit("a", more: $"\"expires_at\":{CoreDriver.Start + 3_000},");
        var worker = _driver.Worker();
        worker.Work(1);
        worker.Report(0, CoreWorker.RetryAt(worker.Held.Keys.Single(), afterMs: 3_000));
        Assert.Equal(TaskPhase.Timeout, _driver.PhaseOf("a"));
    }

    [Fact]
    public void A_queue_timeout_says_when_no_worker_offered_the_block()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","queue_timeout_ms":1000}""");
        _driver.Pass(TimeSpan.FromSeconds(1));
        var details = _driver.EndingOf("a").Step.ErrorDetails.ToString()!;
        Assert.Contains("\"reason\":\"queue_timeout\"", details, StringComparison.Ordinal);
        Assert.Contains("\"cause\":\"no_executor\"", details, StringComparison.Ordinal);
    }

    [Fact]
    public void A_running_task_knows_no_queue_timeout()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","queue_timeout_ms":1000}""");
        _driver.Worker().Work(1);
        _driver.Pass(TimeSpan.FromSeconds(14));
        Assert.Equal(TaskPhase.Running, _driver.PhaseOf("a"));
    }

    [Fact]
    public void Cancelling_what_waits_ends_it_and_again_changes_nothing()
    {
        _driver.Admit("a");
        Assert.Equal(TaskPhase.Cancelled, _driver.Cancel("a"));
        _driver.Cancel("a");
        Assert.Single(_driver.Endings);
        Assert.Null(_driver.Worker().Work(1).Answer);
    }

    [Fact]
    public void Cancelling_what_runs_is_told_at_once_and_again_until_it_is_reported()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(1);
        var lease = worker.Held.Keys.Single();
        var held = worker.Work(0);
        Assert.Equal(TaskPhase.Running, _driver.Cancel("a"));
        Assert.Equal([lease], held.Answer!.Cancelled);
        Assert.True(_driver.Row("a").State.CancelRequested);
        worker.Receive(held);

        // Told before, so the next call is held again; but every answer says it.
        Assert.Null(worker.Work(0).Answer);
        Assert.Equal([lease], worker.Report(0).Answer!.Cancelled);
        worker.Report(0, CoreWorker.Ended(lease, CoreDriver.Failed()));
        Assert.Equal(TaskPhase.Cancelled, _driver.PhaseOf("a"));
        Assert.Empty(_driver.DeadLetters);
    }

    [Fact]
    public void A_cancelled_lease_is_not_renewed_and_ends_with_its_term_also_over_a_restart()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(1);
        _driver.Cancel("a");
        _driver.Crash(epoch: 2);
        for (var i = 0; i < 2; i++)
        {
            _driver.Pass(TimeSpan.FromSeconds(7));
            Assert.Empty(worker.Report(0).Answer!.Renewed);
        }

        _driver.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(TaskPhase.Cancelled, _driver.PhaseOf("a"));
    }

    [Fact]
    public void Work_that_was_done_before_the_cancellation_reached_it_counts()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(1);
        _driver.Cancel("a");
        worker.Report(0, CoreWorker.Ended(worker.Held.Keys.Single()));
        Assert.Equal(TaskPhase.Success, _driver.PhaseOf("a"));
    }

    [Theory]
    [InlineData(ReportKinds.RetryAt)]
    [InlineData(ReportKinds.HandedBack)]
    public void A_cancelled_task_does_not_come_back(string kind)
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(1);
        _driver.Cancel("a");
        var lease = worker.Held.Keys.Single();
        worker.Report(0, kind == ReportKinds.RetryAt ? CoreWorker.RetryAt(lease, 100) : CoreWorker.HandedBack(lease));
        Assert.Equal(TaskPhase.Cancelled, _driver.PhaseOf("a"));
    }

    [Fact]
    public void At_shutdown_every_held_call_is_answered_and_later_ones_at_once()
    {
        var worker = _driver.Worker();
        var held = worker.Work(1);
        _driver.Core.Close(_driver.Now);
        Assert.NotNull(held.Answer);
        Assert.NotNull(worker.Work(1).Answer);
    }
}
