using Beamline.Contracts;
using Beamline.Contracts.Exchange;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Draining;
using Beamline.ExecutorHost.Tests.Harness;

namespace Beamline.ExecutorHost.Tests.Hosting;

/// <summary>What each option of section Worker changes (limits of memory, CPU and unreported results stand with what they bound).</summary>
public sealed class WorkerOptionTests
{
    [Theory]
    [InlineData(Pools.Cpu, 3)]
    [InlineData(Pools.Io, 4)]
    [InlineData(Pools.Gpu, 5)]
    public void Each_pool_has_its_own_number_of_slots(string pool, int slots)
    {
        var options = new WorkerOptions { Id = "w-7", CpuPoolSize = 3, IoPoolSize = 4, GpuPoolSize = 5 };
        var worker = WorkerIdentity.Of(pool, options, new BlockRegistry([TestBlock.Succeeds()]));
        Assert.Equal(("w-7", slots), (worker.Id, worker.Slots));
    }

    [Fact]
    public void Left_to_itself_a_cpu_worker_has_a_slot_for_each_core_and_a_name_of_its_own()
    {
        var worker = WorkerIdentity.Of(Pools.Cpu, new WorkerOptions(), new BlockRegistry([TestBlock.Succeeds()]));
        Assert.Equal(Environment.ProcessorCount, worker.Slots);
        Assert.Contains(Environment.MachineName, worker.Id, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("off", false)]
    [InlineData("OFF", false)]
    [InlineData("process", true)]
    public async Task Steps_are_told_whether_they_run_sandboxed(string mode, bool sandboxed)
    {
        var seen = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var worker = new TestWorker(
            new TestBlock((_, context, _) =>
            {
                seen.SetResult(context.Sandbox);
                return new(BlockOutcome.Ok(TestBlock.Empty));
            }),
            configure: options => options.SandboxMode = mode);
        await worker.GrantAsync(TestLeases.Of(1));
        Assert.Equal(sandboxed, await seen.Task.Soon());
    }

    [Fact]
    public async Task What_has_not_started_after_UnstartedLimit_goes_back()
    {
        await using var worker = new TestWorker(TestBlock.Waits(), slots: 1, configure: options => options.UnstartedLimit = TimeSpan.FromSeconds(3));
        await worker.GrantAsync(TestLeases.Of(1), TestLeases.Of(2));
        await Patience.BecomesAsync(() => worker.Book.State.Waiting == 1);
        worker.Advance(2.9);
        Assert.Equal(1, worker.Book.State.Waiting);
        worker.Advance(0.1);
        Assert.Equal(ReportKinds.HandedBack, (await worker.Scheduler.ReportOnAsync(2)).Kind);
    }

    [Fact]
    public async Task A_stopped_block_has_StuckGrace_to_come_back()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var release = new ManualResetEventSlim();
        await using var worker = new TestWorker(
            new TestBlock((_, _, _) =>
            {
                begun.TrySetResult();
                release.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
                return new(BlockOutcome.Ok(TestBlock.Empty));
            }),
            Pools.Cpu,
            configure: options => options.StuckGrace = TimeSpan.FromSeconds(6));
        await worker.GrantAsync(TestLeases.Of(1));
        await begun.Task.Soon();
        worker.Book.StopAll(StopCause.User);
        worker.Advance(5.9);
        Assert.Equal(0, worker.Book.State.Stuck);
        worker.Advance(0.1);
        Assert.Equal(1, worker.Book.State.Stuck);
        release.Set();
        await Patience.BecomesAsync(() => worker.Book.State.Busy == 0);
    }

    [Fact]
    public async Task A_call_without_an_answer_fails_a_second_after_HoldTime()
    {
        await using var worker = new TestWorker(TestBlock.Succeeds(), configure: options => options.HoldTime = TimeSpan.FromSeconds(8));
        var first = await worker.Scheduler.WorkAsync();
        worker.Advance(8.9);
        Assert.False(worker.Scheduler.HasWorkCall);
        var again = await worker.UntilAsync(worker.Scheduler.WorkAsync(), 3);
        Assert.Equal(first.Request.Seq, again.Request.Seq);
    }

    [Fact]
    public void The_host_is_given_time_for_the_whole_drain()
    {
        var longer = DrainClock.LongestDrain(new WorkerOptions { DrainTimeout = TimeSpan.FromMinutes(2) }) - DrainClock.LongestDrain(new WorkerOptions { DrainTimeout = TimeSpan.FromMinutes(1) });
        Assert.Equal(TimeSpan.FromMinutes(1), longer);
    }
}
