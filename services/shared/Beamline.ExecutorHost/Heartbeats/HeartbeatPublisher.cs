using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Contracts.Workers;
using Beamline.DaprAccess;
using Beamline.ExecutorHost.Leases;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Heartbeats;

/// <summary>
/// Tells onlookers on the bus how the worker is. Best effort: a heartbeat that the bus does not take in time is dropped, since the
/// next one says more; work never waits for it.
/// </summary>
internal sealed class HeartbeatPublisher(HeartbeatSource source, DaprClient dapr, WorkerOptions options, TimeProvider clock, ILogger<HeartbeatPublisher> logger)
{
    // Long enough for a slow bus, short enough that one away costs one connection.
    private static readonly TimeSpan PublishLimit = TimeSpan.FromSeconds(2);

    public async Task RunAsync(CancellationToken cancellation)
    {
        if (options.HeartbeatInterval == TimeSpan.Zero)
        {
            return;
        }

        var lost = false;
        using var timer = new PeriodicTimer(options.HeartbeatInterval, clock);
        do
        {
            lost = await PublishAsync(lost, cancellation).ConfigureAwait(false);
        }
        while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false));
    }

    private async Task<bool> PublishAsync(bool wasLost, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(PublishLimit, clock);
        using var joined = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            var heartbeat = RawJson.From(source.Read(), BeamlineJson.Default.WorkerHeartbeat);
            await dapr.PublishEventAsync(Components.Bus, Topics.Heartbeat, heartbeat.Utf8, ct: joined.Token).ConfigureAwait(false);
            return false;
        }
        catch (Exception failure) when (failure is DaprException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            if (!wasLost)
            {
                logger.HeartbeatsLost(failure.Message);
            }

            return true;
        }
    }
}

internal static partial class HeartbeatLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Heartbeats did not reach the bus ({Reason}); work goes on")]
    public static partial void HeartbeatsLost(this ILogger logger, string reason);
}

/// <summary>The worker's state as onlookers get it.</summary>
internal sealed class HeartbeatSource(WorkerIdentity worker, LeaseBook book, ExecutorMetrics metrics, TimeProvider clock)
{
    private long _count;

    public WorkerHeartbeat Read()
    {
        var state = book.State;
        return new WorkerHeartbeat
        {
            Id = $"heartbeat:{worker.Id}:{worker.Incarnation}:{Interlocked.Increment(ref _count)}",
            WorkerId = worker.Id,
            Incarnation = worker.Incarnation,
            Pool = worker.Pool,
            Status = state.Draining ? "draining" : state.Stuck > 0 ? "degraded" : "healthy",
            Version = WorkerIdentity.Version,
            Capacity = new WorkerCapacity(worker.Slots - state.Stuck, state.Busy - state.Stuck, state.Waiting),
            Load = new WorkerLoad(metrics.CpuTimeMs, Environment.WorkingSet),
            Devices = worker.Devices,
            BlockTypes = worker.Offers,
            Running = book.RunningIds(),
            Timestamp = clock.GetUtcNow().ToUnixTimeMilliseconds(),
        };
    }
}
