using Beamline.Contracts;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Running;
using Beamline.ExecutorHost.Tests.Harness;

namespace Beamline.ExecutorHost.Tests.Running;

public sealed class LimitTests
{
    [Theory]
    [InlineData("memory_mb", 101, false)]
    [InlineData("memory_mb", 100, true)]
    [InlineData("cpu_time_ms", 2001, false)]
    [InlineData("cpu_time_ms", 2000, true)]
    public async Task A_job_that_asks_for_more_than_the_worker_gives_is_refused_and_says_what(string resource, int asked, bool runs)
    {
        var block = TestBlock.Succeeds();
        await using var worker = new TestWorker(block, configure: Limits);
        await worker.GrantAsync(TestLeases.Of(1, $$""" "resources":{"{{resource}}":{{asked}}} """));

        var result = (await worker.Scheduler.ReportOnAsync(1)).Result!;

        Assert.Equal(runs ? (1, ErrorCode.None) : (0, ErrorCode.ResourceUnavailable), (block.Runs, result.ErrorCode));
        if (!runs)
        {
            Assert.False(result.Retryable);
            Assert.Equal($$"""{"reason":"over_limit","resource":"{{resource}}"}""", result.ErrorDetails.ToString());
        }
    }

    [Fact]
    public async Task Without_limits_whatever_is_asked_for_runs()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds(), configure: options => (options.MaxMemoryMb, options.MaxCpuTimeMs) = (0, 0));
        await worker.GrantAsync(TestLeases.Of(1, """ "resources":{"memory_mb":2000000000,"cpu_time_ms":9000000000} """));
        Assert.Equal(ErrorCode.None, (await worker.Scheduler.ReportOnAsync(1)).Result!.ErrorCode);
    }

    [Fact]
    public async Task A_step_that_finds_too_little_memory_left_waits_for_it_and_no_more_work_is_asked_for_meanwhile()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var block = new TestBlock(async (_, _, token) =>
        {
            await release.Task.WaitAsync(token);
            return BlockOutcome.Ok(TestBlock.Empty);
        });
        await using var worker = new TestWorker(block, slots: 4, configure: Limits);
        await worker.GrantAsync(TestLeases.Of(1, Memory(60)), TestLeases.Of(2, Memory(60)));

        var call = await worker.Scheduler.WorkAsync();
        Assert.Equal((0, 1), (call.Request.Free, worker.Book.State.Waiting));

        release.SetResult();
        Assert.Equal(ReportKinds.Ended, (await worker.Scheduler.ReportOnAsync(2)).Kind);
        Assert.Equal(2, block.Runs);
        call.Answer();
        Assert.Equal(4, (await worker.Scheduler.WorkAsync()).Request.Free);
    }

    [Fact]
    public async Task What_waits_for_memory_for_too_long_goes_back_to_the_queue()
    {
        await using var worker = new TestWorker(TestBlock.Waits(), slots: 4, configure: Limits);
        await worker.GrantAsync(TestLeases.Of(1, Memory(60)), TestLeases.Of(2, Memory(60)));
        Assert.Equal(ReportKinds.HandedBack, (await worker.UntilAsync(worker.Scheduler.ReportOnAsync(2), 1)).Kind);
    }

    [Theory]
    [InlineData("\"resources\":{\"cpu_time_ms\":20}", 2000)]
    [InlineData("", 20)]
    public async Task A_step_that_computes_for_longer_than_it_may_is_stopped(string job, int most)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The CPU time of another thread is read on Linux only.");
        var spent = new TaskCompletionSource<StopCause>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(
            new TestBlock((_, context, token) =>
            {
                Compute(() => ThreadUsage.Now(), milliseconds: 40);
                spent.SetResult(context.StopCause);
                while (!token.IsCancellationRequested)
                {
                    Thread.SpinWait(100);
                }

                token.ThrowIfCancellationRequested();
                return new(BlockOutcome.Ok(TestBlock.Empty));
            }),
            Pools.Cpu,
            configure: options => options.MaxCpuTimeMs = most);
        await worker.GrantAsync(TestLeases.Of(1, job));
        Assert.Equal(StopCause.None, await spent.Task.Soon());

        var result = (await worker.UntilAsync(worker.Scheduler.ReportOnAsync(1), 1)).Result!;

        Assert.Equal((ErrorCode.ExecutionFailed, false), (result.ErrorCode, result.Retryable));
        Assert.Contains("cpu_time", result.ErrorDetails.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, worker.Counts["worker_task_stops_total cause=cpu_time"]);
    }

    private static void Limits(WorkerOptions options) => (options.MaxMemoryMb, options.MaxCpuTimeMs) = (100, 2000);

    private static string Memory(int mb) => $$""" "resources":{"memory_mb":{{mb}}} """;

    private static void Compute(Func<ThreadUsage> now, double milliseconds)
    {
        var start = now();
        while (now().Since(start).CpuMs < milliseconds)
        {
            Thread.SpinWait(100);
        }
    }
}
