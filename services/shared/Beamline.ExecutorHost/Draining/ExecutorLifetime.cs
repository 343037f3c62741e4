using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Exchange;
using Beamline.ExecutorHost.Heartbeats;
using Beamline.ExecutorHost.Leases;
using Beamline.ExecutorHost.Running;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Draining;

/// <summary>
/// The worker from start to end. The drain runs before anything else stops (StoppingAsync), so that health still answers and, with
/// <c>--dapr-block-shutdown-duration</c> above <see cref="DrainClock.LongestDrain"/>, the sidecar still carries the reports:
/// take no more and hand back what has not started → let run what runs → stop and hand back what is left → report everything →
/// wait for the answer to the work call that is still out, since it may bring a grant → end.
/// </summary>
internal sealed class ExecutorLifetime(
    BlockRegistry blocks, WorkerIdentity worker, LeaseBook book, SlotPool slots, ChannelPair channels, HeartbeatPublisher heartbeats,
    DrainClock time, IHostApplicationLifetime process, ILogger<ExecutorLifetime> logger) : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private ITimer? _watch;
    private Task _work = Task.CompletedTask;
    private Task _others = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await blocks.InitAsync(cancellationToken).ConfigureAwait(false);
        _ = slots;
        _watch = time.Every(DrainClock.WatchInterval, book.Tick);
        _work = SuperviseAsync(channels.Work.RunAsync);
        _others = Task.WhenAll(SuperviseAsync(channels.Report.RunAsync), SuperviseAsync(heartbeats.RunAsync));
        logger.Started(worker.Id, worker.Pool, worker.Slots, string.Join(' ', worker.Offers.Select(offer => offer.Type)));
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        var state = book.State;
        logger.DrainBegan(state.Busy, state.Unreported);
        book.BeginDrain();
        if (!await time.WithinAsync(book.WhenEmptyAsync(), time.DrainTimeout, cancellationToken).ConfigureAwait(false))
        {
            logger.DrainTimeWasOver(book.State.Busy);
            book.StopAll(StopCause.Shutdown);
            await time.WithinAsync(book.WhenEmptyAsync(), time.StopTime, cancellationToken).ConfigureAwait(false);
        }

        await time.WithinAsync(_work, time.LastAnswerTime, cancellationToken).ConfigureAwait(false);
        // What that last answer granted has been handed back at once.
        await time.WithinAsync(book.WhenEmptyAsync(), DrainClock.LastReportTime, cancellationToken).ConfigureAwait(false);
        await EndAsync().ConfigureAwait(false);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _watch?.Dispose();
        _end.Dispose();
    }

    private async Task EndAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_work, _others).ConfigureAwait(false);
        if (book.State.Unreported is > 0 and var unreported)
        {
            logger.EndedUnreported(unreported);
        }
        else
        {
            logger.Drained();
        }
    }

    // A loop that breaks is a bug. A worker that can no longer renew must not go on running what others will be given.
    private async Task SuperviseAsync(Func<CancellationToken, Task> loop)
    {
        try
        {
            await loop(_end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // The way the loops end.
        }
        catch (Exception bug)
        {
            logger.BrokeDown(bug);
            process.StopApplication();
        }
    }
}
