using Beamline.Contracts;
using Beamline.ExecutorHost.Leases;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Running;

/// <summary>
/// Runs leases on the pool's kind of thread: cpu and gpu on threads of their own, io on the thread pool. A slot goes on with the
/// next lease without a detour through the exchange.
/// </summary>
internal sealed class SlotPool : IDisposable
{
    private readonly LeaseBook _book;
    private readonly StepRunner _runner;
    private readonly ILogger<SlotPool> _logger;
    private readonly DedicatedThreads? _threads;

    public SlotPool(LeaseBook book, StepRunner runner, WorkerIdentity worker, ExecutorMetrics metrics, ILogger<SlotPool> logger)
    {
        (_book, _runner, _logger) = (book, runner, logger);
        _threads = worker.Pool == Pools.Io ? null : new DedicatedThreads($"{worker.Pool}-slot", worker.Slots);
        book.Launch = Launch;
        book.CancelAttempt = Cancel;
        book.BlockStuck = lease =>
        {
            var cause = book.CauseOf(lease);
            if (lease.Report?.Result is { } result && lease.CountOnce())
            {
                metrics.StepEnded(lease.Job.Type, result, result.LatencyMs - lease.Wire.RanMs, cause);
            }

            logger.BlockStuck(lease.Job.Type, CauseNames.Of(cause), lease.Wire.AssignmentId, lease.Wire.TenantId);
        };
    }

    public void Dispose() => _threads?.Dispose();

    // Not awaited: the slot's loop answers to the book, and never throws.
    private void Launch(HeldLease lease) => _ = Task.Factory.StartNew(
        static state =>
        {
            var (pool, lease) = ((SlotPool, HeldLease))state!;
            return pool.RunSlotAsync(lease);
        },
        (this, lease),
        CancellationToken.None,
        TaskCreationOptions.DenyChildAttach,
        _threads ?? TaskScheduler.Default);

    // No ConfigureAwait(false) on the way down: on the dedicated threads the rest of a step comes back to them.
    private async Task RunSlotAsync(HeldLease first)
    {
        for (var lease = first; lease is not null;)
        {
            var began = _book.Now;
            var report = await _runner.RunAsync(lease);
            if (lease.Stuck)
            {
                _logger.BlockCameBack(lease.Job.Type, lease.Wire.AssignmentId, lease.Wire.TenantId);
            }

            lease = _book.Finish(lease, report, _book.Now - began);
        }
    }

    // Off the caller's thread: callbacks that blocks have registered run inside, and a slow one must not hold up the exchange.
    private void Cancel(HeldLease lease, CancellationTokenSource attempt) => _ = attempt.CancelAsync().ContinueWith(
        faulted => _logger.CancellationFailed(faulted.Exception, lease.Job.Type, lease.Wire.AssignmentId, lease.Wire.TenantId),
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted,
        TaskScheduler.Default);
}
