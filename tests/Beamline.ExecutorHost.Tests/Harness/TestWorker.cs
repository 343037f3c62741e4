using System.Diagnostics.Metrics;
using Beamline.Contracts;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Draining;
using Beamline.ExecutorHost.Exchange;
using Beamline.ExecutorHost.Leases;
using Beamline.ExecutorHost.Running;
using Beamline.TestKit;
using Beamline.TestKit.Clocks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.ExecutorHost.Tests.Harness;

/// <summary>The whole worker but for Dapr: a scripted scheduler, a manual clock, a block made of a delegate.</summary>
internal sealed class TestWorker : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly ServiceProvider _meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly SlotPool _slots;
    private readonly ITimer _watch;

    public TestWorker(TestBlock block, string pool = Pools.Io, int slots = 2, Action<WorkerOptions>? configure = null)
    {
        var options = new WorkerOptions { Id = "w-1", IoPoolSize = slots, CpuPoolSize = slots };
        configure?.Invoke(options);
        var blocks = new BlockRegistry([block]);
        Identity = WorkerIdentity.Of(pool, options, blocks);
        Book = new LeaseBook(Identity, options, Clock);
        var jitter = new Jitter(new Random(17));
        Metrics = new ExecutorMetrics(_meters.GetRequiredService<IMeterFactory>(), Identity, Book);
        Counts.Listen(_meters.GetRequiredService<IMeterFactory>());
        var runner = new StepRunner(
            blocks, Book, new RetryPolicy(jitter), Metrics, new StepRequests(Identity, options, Clock), new StepLimits(options), Clock, NullLogger<StepRunner>.Instance);
        _slots = new SlotPool(Book, runner, Identity, Metrics, NullLogger<SlotPool>.Instance);
        Contact = new SchedulerContact(Book, NullLogger<SchedulerContact>.Instance);
        Channels = new ChannelPair(
            Book, Scheduler, Contact, new ExchangePace(options, Clock, jitter), Metrics, NullLogger<ExchangeChannel>.Instance);
        _watch = new DrainClock(options, Clock).Every(DrainClock.WatchInterval, Book.Tick);
        WorkLoop = Channels.Work.RunAsync(_end.Token);
        ReportLoop = Channels.Report.RunAsync(_end.Token);
    }

    /// <summary>What the worker has counted so far.</summary>
    public CounterReadings Counts { get; } = new();
    public ManualClock Clock { get; } = new();
    public ScriptedScheduler Scheduler { get; } = new();
    public WorkerIdentity Identity { get; }
    public LeaseBook Book { get; }
    public ExecutorMetrics Metrics { get; }
    public SchedulerContact Contact { get; }
    public ChannelPair Channels { get; }
    public Task WorkLoop { get; }
    public Task ReportLoop { get; }

    /// <summary>The next call for work, answered with these leases.</summary>
    public async Task GrantAsync(params Contracts.Exchange.Lease[] leases) => (await Scheduler.WorkAsync()).Answer(leases);

    public void Advance(double seconds) => Clock.Advance(TimeSpan.FromSeconds(seconds));

    /// <summary>Moves the clock until the goal is reached; gives its result.</summary>
    public async Task<T> UntilAsync<T>(Task<T> goal, double seconds = 60)
    {
        await Clock.AdvanceUntilAsync(goal, TimeSpan.FromSeconds(seconds));
        return await goal;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _watch.DisposeAsync();
        foreach (var loop in new[] { WorkLoop, ReportLoop })
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await loop;
                throw new OperationCanceledException("It had ended before, as a drained worker's does.");
            });
        }

        _slots.Dispose();
        Metrics.Dispose();
        Counts.Dispose();
        await _meters.DisposeAsync();
        _end.Dispose();
    }
}

/// <summary>A block whose behaviour the test writes.</summary>
internal sealed class TestBlock(Func<StepRequest, BlockContext, CancellationToken, ValueTask<BlockOutcome>> run) : IBlockExecutor
{
    public static readonly Contracts.Json.RawJson Empty = Contracts.Json.RawJson.FromString("{}");

    private int _runs;

    public string Type => TestLeases.Type;

    public string Version => "7";

    public IReadOnlyList<string> Aliases => ["test.alias"];

    /// <summary>Attempts so far.</summary>
    public int Runs => Volatile.Read(ref _runs);

    public static TestBlock Succeeds() => new((_, _, _) => new(BlockOutcome.Ok(Empty)));

    public static TestBlock Fails(BlockOutcome failure) => new((_, _, _) => new(failure));

    /// <summary>Waits for its token.</summary>
    public static TestBlock Waits(TaskCompletionSource? begun = null) => new(async (_, context, token) =>
    {
        begun?.TrySetResult();
        await Task.Delay(Timeout.InfiniteTimeSpan, context.Clock, token);
        return BlockOutcome.Ok(Empty);
    });

    public ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _runs);
        return run(request, context, cancellation);
    }
}
