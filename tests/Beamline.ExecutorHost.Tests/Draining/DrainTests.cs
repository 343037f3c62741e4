using Beamline.Contracts.Exchange;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Tests.Harness;

namespace Beamline.ExecutorHost.Tests.Draining;

public sealed class DrainTests
{
    [Fact]
    public async Task A_draining_worker_hands_back_what_has_not_started_says_so_and_takes_no_more()
    {
        await using var worker = new TestWorker(TestBlock.Waits(), slots: 1);
        await worker.GrantAsync(TestLeases.Of(1), TestLeases.Of(2));
        var work = await worker.Scheduler.WorkAsync();

        worker.Book.BeginDrain();
        var call = await worker.Scheduler.ReportAsync();

        Assert.Equal((true, 0), (call.Request.Draining, call.Request.Free));
        Assert.Equal((2, ReportKinds.HandedBack), (call.Request.Reports!.Single().Lease, call.Request.Reports![0].Kind));
        call.AcceptAll();

        // A grant that was on its way is handed back at once.
        work.Answer([TestLeases.Of(3)]);
        Assert.Equal(ReportKinds.HandedBack, (await worker.Scheduler.ReportOnAsync(3)).Kind);
        Assert.Equal(1, worker.Book.State.Busy);
    }

    [Fact]
    public async Task What_runs_may_end_and_be_reported_and_then_the_work_channel_ends()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(new TestBlock(async (_, _, token) =>
        {
            await gate.Task.WaitAsync(token);
            return BlockOutcome.Ok(TestBlock.Empty);
        }));
        await worker.GrantAsync(TestLeases.Of(1));
        Patience.Eventually(() => worker.Book.State.Busy == 1);
        worker.Book.BeginDrain();
        (await worker.Scheduler.ReportAsync()).AcceptAll();
        var empty = worker.Book.WhenEmptyAsync();
        Assert.False(empty.IsCompleted);

        gate.SetResult();
        await worker.Scheduler.ReportOnAsync(1);
        await empty.Soon();

        (await worker.Scheduler.WorkAsync()).Answer();
        await worker.WorkLoop.Soon();
    }

    [Theory]
    [InlineData(false, ReportKinds.RetryAt)]
    [InlineData(true, ReportKinds.Ended)]
    public async Task What_runs_on_past_the_drain_is_stopped_and_goes_on_elsewhere_unless_it_must_not_run_twice(bool atMostOnce, string kind)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(TestBlock.Waits(begun));
        await worker.GrantAsync(TestLeases.Of(1, startRequired: atMostOnce));
        if (atMostOnce)
        {
            (await worker.Scheduler.ReportAsync()).AcceptAll();
        }

        await begun.Task.Soon();
        worker.Book.BeginDrain();
        worker.Book.StopAll(StopCause.Shutdown);

        var report = await worker.Scheduler.ReportOnAsync(1);

        Assert.Equal(kind, report.Kind);
        Assert.Contains("\"cause\":\"shutdown\"", report.Result!.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }
}
