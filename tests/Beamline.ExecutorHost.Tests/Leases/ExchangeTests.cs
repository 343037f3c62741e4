using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Tests.Harness;

namespace Beamline.ExecutorHost.Tests.Leases;

public sealed class ExchangeTests
{
    [Fact]
    public async Task The_work_channel_always_has_a_call_out_that_says_who_asks_for_what()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds(), slots: 3);

        var first = await worker.Scheduler.WorkAsync();
        first.Answer(heldMs: 5000);
        var second = await worker.Scheduler.WorkAsync();

        Assert.Equal(("w-1", worker.Identity.Incarnation, "io", 3), (first.Request.Worker, first.Request.Incarnation, first.Request.Pool, first.Request.Free));
        Assert.Equal([("test.block", "7"), ("test.alias", "7")], first.Request.Offers.Select(offer => (offer.Type, offer.Version)));
        Assert.Equal((1, 2), (first.Request.Seq, second.Request.Seq));
        Assert.Equal(new SeenSeqs(1, 0), second.Request.Seen);
        Assert.False(worker.Scheduler.HasReportCall);
    }

    [Fact]
    public async Task What_ends_while_a_report_is_out_gathers_for_the_next()
    {
        var gates = Enumerable.Range(0, 5).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
        await using var worker = new TestWorker(
            new TestBlock(async (request, _, token) =>
            {
                await gates[request.Lease].Task.WaitAsync(token);
                return BlockOutcome.Ok(TestBlock.Empty);
            }),
            slots: 5);
        await worker.GrantAsync([.. Enumerable.Range(0, 5).Select(i => TestLeases.Of(i))]);
        gates[0].SetResult();
        var first = await worker.Scheduler.ReportAsync();

        foreach (var gate in gates[1..])
        {
            gate.SetResult();
        }

        Patience.Eventually(() => worker.Book.State.Busy == 0);
        Assert.False(worker.Scheduler.HasReportCall);
        first.AcceptAll();
        var second = await worker.Scheduler.ReportAsync();

        Assert.Equal([0], first.Request.Reports!.Select(report => report.Lease));
        Assert.Equal([1, 2, 3, 4], second.Request.Reports!.Select(report => report.Lease).Order());
        // Accepted and so no longer listed; the answer that said so is among those seen.
        Assert.Equal([1, 2, 3, 4], second.Running.Order());
        Assert.Equal(1, second.Request.Seen.Report);
    }

    [Fact]
    public async Task A_call_that_fails_is_repeated_under_its_seq_with_the_same_bytes()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds());
        await worker.GrantAsync(TestLeases.Of(1));
        var first = await worker.Scheduler.ReportAsync();

        first.Fail();
        var second = await worker.UntilAsync(worker.Scheduler.ReportAsync(), 1);

        Assert.Equal(
            RawJson.From(first.Request, BeamlineJson.Default.ExchangeRequest).ToString(),
            RawJson.From(second.Request, BeamlineJson.Default.ExchangeRequest).ToString());
        second.AcceptAll();
        Patience.Eventually(() => worker.Book.State.Unreported == 0);
    }

    [Fact]
    public async Task A_call_without_an_answer_fails_a_second_after_the_hold()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds());
        var first = await worker.Scheduler.WorkAsync();
        worker.Advance(5.9);
        Assert.False(worker.Scheduler.HasWorkCall);

        var second = await worker.UntilAsync(worker.Scheduler.WorkAsync(), 1);

        Assert.Equal(first.Request.Seq, second.Request.Seq);
    }

    [Fact]
    public async Task A_scheduler_away_for_long_gets_a_fresh_call_with_all_that_is_untold()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds());
        await worker.GrantAsync(TestLeases.Of(1));
        var call = await worker.Scheduler.ReportAsync();
        var first = call.Request.Seq;
        for (var tries = 0; call.Request.Seq == first; tries++)
        {
            Assert.True(tries < 100);
            call.Fail();
            call = await worker.UntilAsync(worker.Scheduler.ReportAsync(), 5);
        }

        Assert.Equal(first + 1, call.Request.Seq);
        Assert.Equal(1, Assert.Single(call.Request.Reports!).Lease);
        Assert.InRange(worker.Contact.Silence, TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(12));
    }

    [Fact]
    public async Task A_superseded_answer_is_discarded()
    {
        var block = TestBlock.Succeeds();
        await using var worker = new TestWorker(block);
        var call = await worker.Scheduler.WorkAsync();

        call.Answer([TestLeases.Of(1)], superseded: true);
        var next = await worker.UntilAsync(worker.Scheduler.WorkAsync(), 1);

        Assert.Equal((2, new SeenSeqs(0, 0)), (next.Request.Seq, next.Request.Seen));
        Assert.Empty(next.Request.Running);
        Assert.Equal(0, block.Runs);
    }

    [Fact]
    public async Task A_lease_told_twice_runs_once()
    {
        var block = TestBlock.Waits();
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1));
        await worker.GrantAsync(TestLeases.Of(1));

        var call = await worker.Scheduler.WorkAsync();

        Assert.Equal([1], call.Running);
        Patience.Eventually(() => block.Runs == 1);
        Assert.Equal(1, worker.Book.State.Busy);
    }

    [Fact]
    public async Task A_refused_lease_is_stopped_with_its_cause_and_dropped_without_a_report()
    {
        var cause = new TaskCompletionSource<StopCause>(TaskCreationOptions.RunContinuationsAsynchronously);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(new TestBlock(async (_, context, token) =>
        {
            token.Register(() => cause.TrySetResult(context.StopCause));
            begun.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, context.Clock, token);
            return BlockOutcome.Ok(TestBlock.Empty);
        }));
        await worker.GrantAsync(TestLeases.Of(1));
        await begun.Task.Soon();

        (await worker.Scheduler.WorkAsync()).Answer(refused: [1], renewed: []);

        Assert.Equal(StopCause.LostLease, await cause.Task.Soon());
        Assert.Empty((await worker.Scheduler.WorkAsync()).Running);
        Patience.Eventually(() => worker.Book.State.Busy == 0);
        Assert.Equal(0, worker.Book.State.Unreported);
    }

    [Fact]
    public async Task A_refused_report_is_forgotten()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds());
        await worker.GrantAsync(TestLeases.Of(1));

        (await worker.Scheduler.ReportAsync()).Answer(refused: [1], renewed: []);

        Patience.Eventually(() => worker.Book.State.Unreported == 0);
    }

    [Fact]
    public async Task A_report_that_the_answer_does_not_mention_is_told_again()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds());
        await worker.GrantAsync(TestLeases.Of(1));
        (await worker.Scheduler.ReportAsync()).Answer();

        var again = await worker.UntilAsync(worker.Scheduler.ReportAsync(), 1);

        Assert.Equal(1, Assert.Single(again.Request.Reports!).Lease);
    }

    [Fact]
    public async Task Too_many_unreported_results_stop_the_taking_of_new_work()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds(), slots: 1);
        var bound = 4 * (1 + 64);
        await worker.GrantAsync([.. Enumerable.Range(1, bound).Select(i => TestLeases.Of(i))]);
        Patience.Eventually(() => worker.Book.State.Unreported == bound);
        Assert.True(worker.Book.IsFull);

        (await worker.Scheduler.WorkAsync()).Answer();
        Assert.Equal(0, (await worker.Scheduler.WorkAsync()).Request.Free);
    }

    [Fact]
    public async Task Too_many_unreported_bytes_stop_the_taking_of_new_work()
    {
        var large = RawJson.FromString($$"""{"x":"{{new string('y', 200_000)}}"}""");
        await using var worker = new TestWorker(
            new TestBlock((_, _, _) => new(BlockOutcome.Ok(large))), slots: 4, configure: options => options.MaxUnreportedBytes = 600_000);
        await worker.GrantAsync([.. Enumerable.Range(1, 3).Select(i => TestLeases.Of(i))]);
        Patience.Eventually(() => worker.Book.State.Unreported == 3);

        (await worker.Scheduler.WorkAsync()).Answer();
        Assert.Equal(0, (await worker.Scheduler.WorkAsync()).Request.Free);
    }

    [Fact]
    public async Task A_report_call_is_cut_at_two_mebibytes()
    {
        var large = RawJson.FromString($$"""{"x":"{{new string('y', 250_000)}}"}""");
        await using var worker = new TestWorker(new TestBlock((_, _, _) => new(BlockOutcome.Ok(large))), slots: 20);
        await worker.GrantAsync(TestLeases.Of(0));
        var first = await worker.Scheduler.ReportAsync();
        (await worker.Scheduler.WorkAsync()).Answer([.. Enumerable.Range(1, 19).Select(i => TestLeases.Of(i))]);
        Patience.Eventually(() => worker.Book.State.Unreported == 20);
        first.AcceptAll();

        var told = 0;
        while (told < 19)
        {
            var call = await worker.Scheduler.ReportAsync();
            Assert.InRange(RawJson.From(call.Request, BeamlineJson.Default.ExchangeRequest).Length, 1, 2 * 1024 * 1024);
            told += call.Request.Reports!.Count;
            call.AcceptAll();
        }

        Assert.Equal(19, told);
    }

    [Fact]
    public async Task A_lease_that_cannot_be_read_ends_as_1003_instead_of_coming_back_for_ever()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds());
        await worker.GrantAsync(TestLeases.Of(1) with { Assignment = RawJson.FromString("{\"version\":\"1\"}") });

        var report = await worker.Scheduler.ReportOnAsync(1);

        Assert.Equal(Contracts.Errors.ErrorCode.InvalidFormat, report.Result!.ErrorCode);
    }
}
