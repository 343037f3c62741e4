using Beamline.Contracts;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Tests.Harness;

namespace Beamline.ExecutorHost.Tests.Running;

public sealed class StopTests
{
    [Fact]
    public async Task A_cancellation_reaches_the_running_block_at_once_and_says_its_cause()
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

        // The clock stands still: nothing but the answer itself can carry it.
        (await worker.Scheduler.WorkAsync()).Answer(cancelled: [1]);

        Assert.Equal(StopCause.User, await cause.Task.Soon());
        var report = await worker.Scheduler.ReportOnAsync(1);
        Assert.Equal((ReportKinds.Ended, StepStatus.Cancelled, ErrorCode.CancelledByUser), (report.Kind, report.Result!.Status, report.Result.ErrorCode));
        Assert.Contains("\"cause\":\"user\"", report.Result.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancellation_in_the_wait_before_a_retry_ends_the_wait()
    {
        var block = TestBlock.Fails(BlockOutcome.Failed(ErrorCode.NetworkError, "Cut.", retryAfter: TimeSpan.FromMilliseconds(900)));
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1));
        (await worker.UntilAsync(worker.Scheduler.ReportAsync(), 0.2)).AcceptAll();

        (await worker.Scheduler.WorkAsync()).Answer(cancelled: [1]);

        Assert.Equal(StepStatus.Cancelled, (await worker.Scheduler.ReportOnAsync(1)).Result!.Status);
        Assert.Equal(1, block.Runs);
    }

    [Fact]
    public async Task The_total_time_over_ends_the_step_as_a_timeout()
    {
        await using var worker = new TestWorker(TestBlock.Waits());
        await worker.GrantAsync(TestLeases.Of(1, remainingMs: 500, ranMs: 1500));

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 2);

        Assert.Equal((ReportKinds.Ended, StepStatus.Timeout, ErrorCode.Timeout), (report.Kind, report.Result!.Status, report.Result.ErrorCode));
        Assert.InRange(report.RanMs, 2000, 2100);
    }

    [Fact]
    public async Task An_attempt_over_its_time_is_followed_by_the_next()
    {
        var runs = 0;
        await using var worker = new TestWorker(new TestBlock(async (request, context, token) =>
        {
            if (++runs == 1)
            {
                Assert.InRange(request.TimeLeft, TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(300));
                await Task.Delay(Timeout.InfiniteTimeSpan, context.Clock, token);
            }

            return BlockOutcome.Ok(TestBlock.Empty);
        }));
        await worker.GrantAsync(TestLeases.Of(1, "\"attempt_timeout_ms\":300"));

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 3);

        Assert.Equal((2, StepStatus.Ok, 1), (runs, report.Result!.Status, report.RetriesUsed));
    }

    [Fact]
    public async Task Attempts_that_all_run_over_end_as_an_error_with_the_timeout_code()
    {
        await using var worker = new TestWorker(TestBlock.Waits());
        await worker.GrantAsync(TestLeases.Of(1, "\"attempt_timeout_ms\":100,\"retry\":{\"max_retries\":1}"));

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 3);

        Assert.Equal((StepStatus.Error, ErrorCode.Timeout, 1), (report.Result!.Status, report.Result.ErrorCode, report.RetriesUsed));
        Assert.Contains("attempt_timeout", report.Result.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_block_that_finishes_although_it_was_stopped_has_done_its_work()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(new TestBlock(async (_, context, token) =>
        {
            begun.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, context.Clock, token).ContinueWith(_ => { }, TaskScheduler.Default);
            return BlockOutcome.Ok(TestBlock.Empty);
        }));
        await worker.GrantAsync(TestLeases.Of(1));
        await begun.Task.Soon();

        (await worker.Scheduler.WorkAsync()).Answer(cancelled: [1]);

        Assert.Equal(StepStatus.Ok, (await worker.Scheduler.ReportOnAsync(1)).Result!.Status);
    }

    [Fact]
    public async Task A_block_that_throws_is_4001_without_the_exceptions_text()
    {
        await using var worker = new TestWorker(new TestBlock((_, _, _) => throw new InvalidDataException("password=hunter2")));
        await worker.GrantAsync(TestLeases.Of(1, "\"retry\":{\"max_retries\":0}"));

        var result = (await worker.Scheduler.ReportOnAsync(1)).Result!;

        Assert.Equal((StepStatus.Error, ErrorCode.InternalError), (result.Status, result.ErrorCode));
        Assert.Equal("The block test.block failed unexpectedly (InvalidDataException).", result.ErrorMessage);
    }

    [Fact]
    public async Task A_cancellation_exception_of_the_blocks_own_is_no_cancellation()
    {
        await using var worker = new TestWorker(new TestBlock((_, _, _) => throw new OperationCanceledException()));
        await worker.GrantAsync(TestLeases.Of(1, "\"retry\":{\"max_retries\":0}"));

        Assert.Equal(ErrorCode.InternalError, (await worker.Scheduler.ReportOnAsync(1)).Result!.ErrorCode);
    }

    [Fact]
    public async Task Outputs_over_the_limit_are_2001_output_too_large()
    {
        await using var worker = new TestWorker(new TestBlock((request, _, _) =>
            new(BlockOutcome.Ok(Contracts.Json.RawJson.FromString($$"""{"x":"{{new string('y', request.MaxOutputBytes)}}"}""")))));
        await worker.GrantAsync(TestLeases.Of(1, "\"guardrails\":{\"max_output_bytes\":1000}"));

        var result = (await worker.Scheduler.ReportOnAsync(1)).Result!;

        Assert.Equal((ErrorCode.ExecutionFailed, false, 0), (result.ErrorCode, result.Retryable, result.RetriesUsed));
        Assert.Contains("output_too_large", result.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Outputs_that_are_no_object_are_the_blocks_bug()
    {
        await using var worker = new TestWorker(new TestBlock((_, _, _) => new(BlockOutcome.Ok(Contracts.Json.RawJson.FromString("[1]")))));
        await worker.GrantAsync(TestLeases.Of(1));

        var result = (await worker.Scheduler.ReportOnAsync(1)).Result!;

        Assert.Equal(ErrorCode.InternalError, result.ErrorCode);
        Assert.Contains("invalid_step_result", result.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_has_expired_meanwhile_never_starts()
    {
        var block = TestBlock.Succeeds();
        await using var worker = new TestWorker(block);
        await worker.GrantAsync(TestLeases.Of(1, expiresAt: worker.Clock.GetUtcNow().ToUnixTimeMilliseconds()));

        var result = (await worker.Scheduler.ReportOnAsync(1)).Result!;

        Assert.Equal((0, StepStatus.Timeout), (block.Runs, result.Status));
        Assert.Contains("expired", result.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_block_that_ignores_its_token_is_reported_stuck_and_its_slot_is_given_up_until_it_comes_back()
    {
        using var release = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(
            new TestBlock((_, _, _) =>
            {
                begun.TrySetResult();
                release.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
                return new(BlockOutcome.Ok(TestBlock.Empty));
            }),
            Pools.Cpu);
        await worker.GrantAsync(TestLeases.Of(1));
        await begun.Task.Soon();
        (await worker.Scheduler.WorkAsync()).Answer(cancelled: [1]);

        var report = await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 4);

        Assert.Equal(StepStatus.Cancelled, report.Result!.Status);
        Assert.Contains("\"stuck\":true", report.Result.ErrorDetails!.Value.ToString(), StringComparison.Ordinal);
        Assert.Equal((1, 1), (worker.Book.State.Stuck, worker.Book.State.Busy));
        Patience.Eventually(() => worker.Counts["worker_task_stops_total cause=user"] == 1);

        // One slot is left of two, and it works.
        (await worker.Scheduler.WorkAsync()).Answer();
        var call = await worker.UntilAsync(worker.Scheduler.WorkAsync(), 8);
        Assert.Equal(1, call.Request.Free);
        release.Set();
        await worker.Clock.AdvanceUntilAsync(Patience.BecomesAsync(() => worker.Book.State.Busy == 0), TimeSpan.FromSeconds(30));
        Assert.Equal(0, worker.Book.State.Stuck);
        Assert.Equal((1, 1), (worker.Counts["worker_task_stops_total cause=user"], worker.Counts["worker_tasks_total type=test.block status=cancelled"]));
        Assert.Equal(0, worker.Counts["worker_tasks_total type=test.block status=success"]);
    }

    [Fact]
    public async Task Progress_is_coalesced_to_the_latest()
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(new TestBlock(async (_, context, token) =>
        {
            for (var i = 1; i <= 100; i++)
            {
                context.Progress.Report(Contracts.Json.RawJson.FromString($$"""{"percent":{{i}}}"""));
            }

            told.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, context.Clock, token);
            return BlockOutcome.Ok(TestBlock.Empty);
        }));
        await worker.GrantAsync(TestLeases.Of(1));
        await told.Task.Soon();

        var call = await worker.UntilAsync(worker.Scheduler.ReportAsync(), 1);

        Assert.Equal("""{"percent":100}""", Assert.Single(call.Request.Progress!).Data.ToString());
    }

    [Fact]
    public async Task The_block_sees_for_whom_and_what_it_runs()
    {
        var seen = new TaskCompletionSource<(StepRequest Request, BlockContext Context)>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(new TestBlock((request, context, _) =>
        {
            seen.SetResult((request, context));
            return new(BlockOutcome.Ok(TestBlock.Empty));
        }));
        await worker.GrantAsync(TestLeases.Of(9, "\"x\":1", type: "test.alias", retriesUsed: 1));

        var (step, context) = await seen.Task.Soon();

        Assert.Equal(("test.block", "assign-9", 9L, 1, 1), (step.Type, step.AssignmentId, step.Lease, step.Delivery, step.RetriesUsed));
        Assert.Equal(1, step.Inputs.OptionalInteger("x"));
        Assert.Equal(("tenant-1", "trace-1", "flow-1", "step-1", "w-1"), (context.TenantId, context.TraceId, context.FlowId, context.StepId, context.WorkerId));
        Assert.True(context.HasScope("sql:write"));
        var report = await worker.Scheduler.ReportOnAsync(9);
        Assert.Equal("trace-1", report.Result!.Metadata.TraceId);
    }
}
