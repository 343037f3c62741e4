using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Tests.Harness;

namespace Beamline.ExecutorHost.Tests.Leases;

public sealed class LeaseLifeTests
{
    [Fact]
    public async Task A_lease_that_is_not_renewed_stops_its_block_two_seconds_before_the_term_ends()
    {
        var stopped = new TaskCompletionSource<(StopCause Cause, DateTimeOffset At)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(new TestBlock(async (_, context, token) =>
        {
            token.Register(() => stopped.TrySetResult((context.StopCause, context.Clock.GetUtcNow())));
            begun.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, context.Clock, token);
            return BlockOutcome.Ok(TestBlock.Empty);
        }));
        var call = await worker.Scheduler.WorkAsync();
        var firstSent = worker.Clock.GetUtcNow();
        worker.Advance(3);
        call.Answer([TestLeases.Of(1)], heldMs: 3000);
        await begun.Task.Soon();

        var (cause, at) = await worker.UntilAsync(stopped.Task, 20);

        Assert.Equal(StopCause.LostLease, cause);
        // First send + held 3 s + term 15 s - 2 s, and the watch looks every 50 ms.
        Assert.InRange((at - firstSent).TotalSeconds, 16, 16.2);
    }

    [Fact]
    public async Task A_lost_lease_goes_on_elsewhere_once_the_scheduler_is_back()
    {
        await using var worker = new TestWorker(TestBlock.Waits());
        await worker.GrantAsync(TestLeases.Of(1));
        var lost = Patience.BecomesAsync(() => worker.Book.State.Unreported == 1);
        await worker.Clock.AdvanceUntilAsync(lost, TimeSpan.FromSeconds(20));

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 30);

        Assert.Equal((ReportKinds.RetryAt, 0, 0), (report.Kind, report.RetryAfterMs, report.RetriesUsed));
        Assert.Contains("lost_lease", report.Result!.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lost_lease_of_an_at_most_once_step_ends_it()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(TestBlock.Waits(begun));
        await worker.GrantAsync(TestLeases.Of(1, startRequired: true));
        (await worker.Scheduler.ReportAsync()).AcceptAll();
        await begun.Task.Soon();
        var lost = Patience.BecomesAsync(() => worker.Book.State.Unreported == 1);
        await worker.Clock.AdvanceUntilAsync(lost, TimeSpan.FromSeconds(20));

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 30);

        Assert.Equal((ReportKinds.Ended, ErrorCode.InternalError), (report.Kind, report.Result!.ErrorCode));
        Assert.Contains("worker_lost", report.Result.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Renewals_keep_a_long_step_running()
    {
        var block = TestBlock.Waits();
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1, remainingMs: 600_000));

        for (var i = 0; i < 20; i++)
        {
            var call = await worker.Scheduler.WorkAsync();
            worker.Advance(5);
            call.Answer(heldMs: 5000);
        }

        var last = await worker.Scheduler.WorkAsync();
        var running = Assert.Single(last.Request.Running);
        Assert.Equal(100_000, running.RanMs);
        Assert.False(worker.Scheduler.HasReportCall);
        Patience.Eventually(() => block.Runs == 1);
        Assert.Equal(1, worker.Book.State.Busy);
    }

    [Fact]
    public async Task When_a_renewal_is_late_the_report_channel_asks_for_it()
    {
        await using var worker = new TestWorker(TestBlock.Waits());
        await worker.GrantAsync(TestLeases.Of(1));
        await worker.Scheduler.WorkAsync();

        var renewal = await worker.UntilAsync(worker.Scheduler.ReportAsync(), 13);
        Assert.Equal([1], renewal.Running);
        Assert.Null(renewal.Request.Reports);
        renewal.Answer();
        // Renewed: the next is asked for a whole term later, not at once.
        var asked = worker.Clock.GetUtcNow();
        await worker.UntilAsync(worker.Scheduler.ReportAsync(), 13);

        Assert.InRange((worker.Clock.GetUtcNow() - asked).TotalSeconds, 10, 11);
        Assert.Equal((1, 0), (worker.Book.State.Busy, worker.Book.State.Unreported));
    }

    [Fact]
    public async Task Results_kept_while_the_scheduler_is_away_are_told_when_it_is_back()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(new TestBlock(async (_, _, token) =>
        {
            await gate.Task.WaitAsync(token);
            return BlockOutcome.Ok(TestBlock.Empty);
        }));
        await worker.GrantAsync(TestLeases.Of(1));
        (await worker.Scheduler.WorkAsync()).Fail();
        worker.Advance(4);
        gate.SetResult();
        (await worker.Scheduler.ReportAsync()).Fail();

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 5);

        Assert.Equal(Contracts.Results.StepStatus.Ok, report.Result!.Status);
    }

    [Fact]
    public async Task At_most_once_runs_only_after_its_start_is_committed()
    {
        var block = TestBlock.Succeeds();
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1, startRequired: true));
        var start = await worker.Scheduler.ReportAsync();

        Assert.Equal(1, Assert.Single(start.Request.Starts!).Lease);
        Assert.Equal((0, 1), (block.Runs, worker.Book.State.Busy));
        start.Fail();
        var again = await worker.UntilAsync(worker.Scheduler.ReportAsync(), 1);
        Assert.Equal(0, block.Runs);
        again.AcceptAll();

        await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 1);
        Assert.Equal(1, block.Runs);
    }

    [Fact]
    public async Task A_refused_start_never_runs_and_frees_its_slot()
    {
        var block = TestBlock.Succeeds();
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1, startRequired: true));

        (await worker.Scheduler.ReportAsync()).Answer(refused: [1], renewed: []);

        Patience.Eventually(() => worker.Book.State.Busy == 0);
        Assert.Equal(0, block.Runs);
    }

    [Fact]
    public async Task What_has_not_started_after_a_quarter_of_a_second_is_handed_back()
    {
        var block = TestBlock.Waits();
        await using var worker = new TestWorker(block, slots: 1);
        await worker.GrantAsync(TestLeases.Of(1), TestLeases.Of(2, ranMs: 70));
        Patience.Eventually(() => worker.Book.State.Waiting == 1);
        worker.Advance(0.2);
        Assert.False(worker.Scheduler.HasReportCall);

        worker.Advance(0.1);
        var report = await worker.Scheduler.ReportOnAsync(2);

        Assert.Equal((ReportKinds.HandedBack, 70, null), (report.Kind, report.RanMs, report.Result));
        Patience.Eventually(() => block.Runs == 1);
    }

    [Fact]
    public async Task A_step_that_takes_several_slots_waits_for_them_and_nobody_overtakes_it()
    {
        var gates = Enumerable.Range(0, 4).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
        var order = new System.Collections.Concurrent.ConcurrentQueue<long>();
        await using var worker = new TestWorker(
            new TestBlock(async (request, _, token) =>
            {
                order.Enqueue(request.Lease);
                await gates[request.Lease].Task.WaitAsync(token);
                return BlockOutcome.Ok(TestBlock.Empty);
            }),
            slots: 2);
        await worker.GrantAsync(TestLeases.Of(1), TestLeases.Of(2, "\"resources\":{\"concurrency\":2}"), TestLeases.Of(3));
        Patience.Eventually(() => order.Count == 1);
        Assert.Equal((1, 2), (worker.Book.State.Busy, worker.Book.State.Waiting));

        gates[1].SetResult();
        Patience.Eventually(() => order.Count == 2);
        Assert.Equal(2, worker.Book.State.Busy);
        gates[2].SetResult();
        Patience.Eventually(() => order.Count == 3);

        Assert.Equal([1, 2, 3], order);
        gates[3].SetResult();
    }

    [Fact]
    public async Task A_step_wider_than_the_worker_still_runs()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds(), slots: 2);
        await worker.GrantAsync(TestLeases.Of(1, "\"resources\":{\"concurrency\":50}"));

        Assert.Equal(Contracts.Results.StepStatus.Ok, (await worker.Scheduler.ReportOnAsync(1)).Result!.Status);
    }
}
