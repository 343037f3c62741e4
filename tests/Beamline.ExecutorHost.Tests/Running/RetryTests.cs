using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Running;
using Beamline.ExecutorHost.Tests.Harness;

namespace Beamline.ExecutorHost.Tests.Running;

public sealed class RetryTests
{
    private static readonly BlockOutcome NetworkError = BlockOutcome.Failed(ErrorCode.NetworkError, "The line is cut.");

    [Fact]
    public async Task A_retryable_failure_is_tried_again_in_place_until_the_retries_are_used_up()
    {
        var block = TestBlock.Fails(NetworkError);
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1, "\"retry\":{\"max_retries\":3,\"backoff_ms\":50}"));

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 5);

        Assert.Equal(4, block.Runs);
        Assert.Equal((ReportKinds.Ended, 3), (report.Kind, report.RetriesUsed));
        Assert.Equal((StepStatus.Error, ErrorCode.NetworkError, true), (report.Result!.Status, report.Result.ErrorCode, report.Result.Retryable));
    }

    [Fact]
    public async Task A_success_after_a_failure_counts_its_retry()
    {
        var runs = 0;
        await using var worker = new TestWorker(new TestBlock((_, _, _) =>
            new(++runs == 1 ? NetworkError : BlockOutcome.Ok(TestBlock.Empty))));
        await worker.GrantAsync(TestLeases.Of(1));

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 5);

        Assert.Equal((StepStatus.Ok, 1), (report.Result!.Status, report.Result.RetriesUsed));
    }

    [Theory]
    [InlineData(ErrorCode.InvalidInput, null)]
    [InlineData(ErrorCode.HttpError, false)]
    [InlineData(ErrorCode.NetworkError, false)]
    public async Task What_cannot_get_better_is_not_tried_again(ErrorCode code, bool? retryable)
    {
        var block = TestBlock.Fails(BlockOutcome.Failed(code, "No.", retryable));
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1));

        var report = await worker.Scheduler.ReportOnAsync(1);

        Assert.Equal((1, 0, false), (block.Runs, report.RetriesUsed, report.Result!.Retryable));
    }

    [Fact]
    public async Task A_wait_of_more_than_a_second_gives_the_lease_back_with_the_time_and_the_retry_used()
    {
        var block = TestBlock.Fails(BlockOutcome.Failed(ErrorCode.HttpError, "Busy.", retryable: true, retryAfter: TimeSpan.FromSeconds(7)));
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1, retriesUsed: 1, ranMs: 400));

        var report = await worker.Scheduler.ReportOnAsync(1);

        Assert.Equal((1, ReportKinds.RetryAt, 7000, 2), (block.Runs, report.Kind, report.RetryAfterMs, report.RetriesUsed));
        Assert.Equal(400, report.RanMs);
        Assert.Equal(ErrorCode.HttpError, report.Result!.ErrorCode);
    }

    [Fact]
    public async Task Retries_of_earlier_leases_count()
    {
        var block = TestBlock.Fails(NetworkError);
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1, "\"retry\":{\"max_retries\":2}", retriesUsed: 2));

        var report = await worker.Scheduler.ReportOnAsync(1);

        Assert.Equal((1, ReportKinds.Ended, 2), (block.Runs, report.Kind, report.RetriesUsed));
    }

    [Fact]
    public async Task At_most_once_waits_in_place_however_long_the_wait()
    {
        var runs = 0;
        await using var worker = new TestWorker(new TestBlock((_, _, _) => new(++runs == 1
            ? BlockOutcome.Failed(ErrorCode.HttpError, "Busy.", retryable: true, retryAfter: TimeSpan.FromSeconds(4))
            : BlockOutcome.Ok(TestBlock.Empty))));
        await worker.GrantAsync(TestLeases.Of(1, "\"redelivery\":\"at_most_once\",\"retry\":{\"max_retries\":1}", startRequired: true));

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 6);

        Assert.Equal((2, ReportKinds.Ended, StepStatus.Ok), (runs, report.Kind, report.Result!.Status));
    }

    [Fact]
    public async Task A_retry_that_the_remaining_time_does_not_allow_ends_as_a_timeout()
    {
        var block = TestBlock.Fails(BlockOutcome.Failed(ErrorCode.NetworkError, "The line is cut.", retryAfter: TimeSpan.FromSeconds(1)));
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1, remainingMs: 900));

        var report = await worker.Scheduler.ReportOnAsync(1);

        Assert.Equal((StepStatus.Timeout, ErrorCode.Timeout), (report.Result!.Status, report.Result.ErrorCode));
        Assert.Contains("\"last_error\":\"network_error\"", report.Result.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_retry_is_told_as_progress()
    {
        await using var worker = new TestWorker(TestBlock.Fails(NetworkError));
        await worker.GrantAsync(TestLeases.Of(1, "\"retry\":{\"max_retries\":1,\"backoff_ms\":400}"));

        var call = await worker.UntilAsync(worker.Scheduler.ReportAsync(), 2);
        call.AcceptAll();

        var told = Assert.Single(call.Request.Progress!);
        Assert.Equal((1, "retrying"), (told.Lease, told.Type));
        Assert.Contains("\"code\":\"network_error\"", told.Data.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_backoff_doubles_up_to_thirty_seconds_with_full_jitter()
    {
        var policy = new RetryPolicy(new Jitter(new Random(5)));
        foreach (var (retry, ceiling) in new[] { (1, 100), (2, 200), (5, 1600), (10, 30_000), (20, 30_000) })
        {
            var delays = Enumerable.Range(0, 500).Select(_ => policy.DelayBefore(retry, 100, null).TotalMilliseconds).ToArray();
            Assert.All(delays, delay => Assert.InRange(delay, 0, ceiling));
            // Full jitter: the whole range is used, both ends of it.
            Assert.True(delays.Min() < ceiling * 0.1, $"retry {retry}: never below {delays.Min()}");
            Assert.True(delays.Max() > ceiling * 0.9, $"retry {retry}: never above {delays.Max()}");
        }
    }

    [Fact]
    public void What_the_other_side_asks_for_wins_when_it_is_longer()
    {
        var policy = new RetryPolicy(new Jitter(new Random(5)));

        Assert.Equal(TimeSpan.FromSeconds(90), policy.DelayBefore(1, 100, TimeSpan.FromSeconds(90)));
        Assert.InRange(policy.DelayBefore(1, 0, TimeSpan.Zero), TimeSpan.Zero, TimeSpan.Zero);
    }
}
