using System.Threading.Channels;
using Beamline.Contracts.Results;
using Beamline.Observability.Faults;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Ledger;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Engine;

/// <summary>What goes out together after one commit.</summary>
internal sealed record PendingCommit(ChangeBatch Changes, IReadOnlyList<ExchangeCall> Answered, TaskCompletionSource Committed)
{
    public bool IsEmpty => Changes.IsEmpty && Answered.Count == 0;
}

/// <summary>
/// Commits batch after batch, one at a time and in order, while the core goes on deciding: take what is staged, make the
/// results' bytes, commit, tell the listeners, release the answers. A commit that fails is tried again until it succeeds:
/// nothing of it has been answered, and nothing behind it can overtake it.
/// </summary>
internal sealed class CommitLoop(
    LedgerStore ledger, EngineOptions options, IReadOnlyList<ICommitListener> listeners, Func<PendingCommit> take, SchedulerMetrics? metrics, TimeProvider time, ILogger logger)
    : IDisposable
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _stop = new();
    private volatile bool _stalled;

    /// <summary>The last commit failed and is being tried again: nothing new should be promised.</summary>
    public bool IsStalled => _stalled;

    /// <summary>There is something to commit or to answer.</summary>
    public void Wake() => _signal.Writer.TryWrite(true);

    /// <summary>Runs until <see cref="Stop"/>; what is staged by then is still committed.</summary>
    public async Task RunAsync()
    {
        try
        {
            await RunUntilStoppedAsync().ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            // A bug, or a ledger that no longer keeps its word. Nothing of the batch was answered: a fresh start on the ledger
            // is safe, going on is not.
            _stalled = true;
            logger.CommitImpossible(failure);
            throw;
        }
    }

    private async Task RunUntilStoppedAsync()
    {
        while (await _signal.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            _signal.Reader.TryRead(out _);
            for (var pending = take(); !pending.IsEmpty; pending = take())
            {
                if (!await CommitAsync(pending).ConfigureAwait(false))
                {
                    return;
                }
            }
        }
    }

    public void Stop()
    {
        _signal.Writer.TryComplete();
        // A stalled commit is given up: none of it was answered, so nothing that was promised is lost.
        _stop.CancelAfter(TimeSpan.FromSeconds(5));
    }

    public void Dispose() => _stop.Dispose();

    private async Task<bool> CommitAsync(PendingCommit pending)
    {
        foreach (var ending in pending.Changes.Endings)
        {
            ending.Result = new(ResultConverter.Serialise(ResultConverter.ToExecResult(ending.Task.Assignment, ending.Step, new ResultContext
            {
                Delivery = ending.Delivery,
                Replay = ending.Task.Replay,
                WorkerId = ending.Worker,
                Pool = ending.Task.NeedsWorker ? ending.Task.Pool : null,
                CompletedAt = ending.EndedAt,
                EmitOutputs = options.EmitOutputs,
            })));
        }

        var started = time.GetTimestamp();
        if (!pending.Changes.IsEmpty && !await WriteAsync(pending.Changes).ConfigureAwait(false))
        {
            pending.Committed.TrySetCanceled(CancellationToken.None);
            return false;
        }

        metrics?.Committed(time.GetElapsedTime(started), pending.Changes.Endings);

        // Listeners first: they only take note, and a waiting client's result is more urgent than its worker's receipt.
        Tell(pending.Changes);
        Failpoints.Hit("scheduler.before-answer");
        pending.Committed.TrySetResult();
        foreach (var call in pending.Answered)
        {
            call.Completion.TrySetResult(call.Answer!);
        }

        return true;
    }

    private async Task<bool> WriteAsync(ChangeBatch changes)
    {
        while (true)
        {
            try
            {
                Failpoints.Hit("scheduler.before-commit");
                await ledger.CommitAsync(changes).ConfigureAwait(false);
                Failpoints.Hit("scheduler.after-commit");
                if (_stalled)
                {
                    _stalled = false;
                    logger.CommitRecovered();
                }

                return true;
            }
            catch (SqliteException failure) when (failure.SqliteErrorCode != SQLitePCL.raw.SQLITE_CONSTRAINT)
            {
                if (!_stalled)
                {
                    _stalled = true;
                    logger.CommitFailed(failure, failure.SqliteErrorCode);
                }
            }

            try
            {
                await Task.Delay(ledger.Options.RetryPause, time, _stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                logger.CommitAbandoned(changes.Tasks.Count);
                return false;
            }
        }
    }

    private void Tell(ChangeBatch changes)
    {
        if (changes.IsEmpty)
        {
            return;
        }

        var batch = new CommittedBatch { Outbox = changes.Outbox, Endings = changes.Endings, Events = changes.Events };
        foreach (var listener in listeners)
        {
            listener.OnCommitted(batch);
        }
    }
}
