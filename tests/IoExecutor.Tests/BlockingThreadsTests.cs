using Beamline.IoExecutor.Blocks;

namespace Beamline.IoExecutor.Tests;

public sealed class BlockingThreadsTests
{
    [Fact]
    public async Task A_call_that_hangs_is_left_at_once_and_counted_as_stuck_until_it_returns()
    {
        using var threads = new BlockingThreads("test", 1, 4);
        using var release = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        using var deadline = new CancellationTokenSource();
        var hanging = threads.TryRun(_ => { started.Set(); release.Wait(CancellationToken.None); return 1; }, deadline.Token)!;
        started.Wait(TestContext.Current.CancellationToken);
        Assert.Equal(0, threads.Stuck);
        await deadline.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hanging);
        Assert.Equal(1, threads.Stuck);
        release.Set();
        Assert.Equal(2, await threads.TryRun(_ => 2, CancellationToken.None)!);
        Assert.Equal(0, threads.Stuck);
    }

    [Fact]
    public async Task When_threads_and_queue_are_full_the_next_is_refused_and_the_rest_still_runs()
    {
        using var threads = new BlockingThreads("test", 2, 1);
        using var release = new ManualResetEventSlim();
        using var started = new CountdownEvent(2);
        var busy = new List<Task<int>>();
        for (var i = 0; i < 2; i++)
        {
            busy.Add(threads.TryRun(_ => { started.Signal(); release.Wait(CancellationToken.None); return 1; }, CancellationToken.None)!);
        }

        started.Wait(TestContext.Current.CancellationToken);
        var waiting = threads.TryRun(_ => 5, CancellationToken.None);
        Assert.NotNull(waiting);
        Assert.Null(threads.TryRun(_ => 6, CancellationToken.None));
        release.Set();
        await Task.WhenAll(busy);
        Assert.Equal(5, await waiting);
    }

    [Fact]
    public async Task A_call_whose_caller_left_before_it_began_never_runs()
    {
        using var threads = new BlockingThreads("test", 1, 4);
        using var release = new ManualResetEventSlim();
        var first = threads.TryRun(_ => { release.Wait(CancellationToken.None); return 1; }, CancellationToken.None)!;
        using var leave = new CancellationTokenSource();
        var ran = false;
        var second = threads.TryRun(_ => ran = true, leave.Token)!;
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        release.Set();
        await first;
        await threads.TryRun(_ => 0, CancellationToken.None)!;
        Assert.False(ran);
    }

    [Fact]
    public async Task A_call_that_throws_gives_its_caller_the_exception_and_the_thread_lives_on()
    {
        using var threads = new BlockingThreads("test", 1, 4);
        await Assert.ThrowsAsync<InvalidDataException>(() => threads.TryRun<int>(_ => throw new InvalidDataException(), CancellationToken.None)!);
        Assert.Equal(1, await threads.TryRun(_ => 1, CancellationToken.None)!);
    }
}
