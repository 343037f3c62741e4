using Beamline.Scheduler.Engine;
using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Lanes;

/// <summary>
/// Sends committed rows on in batches: one topic's messages to the bus, or identity keys to the state store.
/// <para>After a failure a batch is a single row, and doubles with each success, so that</para>
/// <list type="number">
/// <item>a bus or store that is away sees one row at a time, another one each time, with a growing pause;</item>
/// <item>a row that cannot be taken is soon alone: it is put aside with a delay of its own, and the others go on.</item>
/// </list>
/// Nothing is given up: what was put aside comes back, and what does not leave stays in the ledger.
/// </summary>
/// <param name="name">Names it in logs: the topic, or what it writes.</param>
/// <param name="feed">Where the rows come from; this lane is its one reader.</param>
/// <param name="send">Sends a batch; probing is true while the last one failed.</param>
/// <param name="finish">Takes rows that have left; awaited before the next batch.</param>
/// <param name="options">Sizes and pauses.</param>
/// <param name="time">The clock of the pauses.</param>
/// <param name="metrics">Counts what leaves.</param>
/// <param name="logger">Told when what is behind the lane goes away and comes back.</param>
internal sealed class Lane<T>(
    string name,
    RowFeed<T> feed,
    Func<IReadOnlyList<T>, bool, CancellationToken, Task<LaneOutcome>> send,
    Func<IReadOnlyList<T>, CancellationToken, Task> finish,
    LaneOptions options,
    TimeProvider time,
    SchedulerMetrics metrics,
    ILogger logger)
    where T : class, ILaneRow
{
    // All fields belong to the loop.
    private readonly List<Pending> _waiting = [];
    private readonly PriorityQueue<Pending, DateTimeOffset> _parked = new();
    private int _limit = options.BatchRows;
    private int _failuresInARow;
    private long _successes;

    public async Task RunAsync(CancellationToken ct)
    {
        while (true)
        {
            if (await TryNextBatchAsync(ct).ConfigureAwait(false) is not { } batch)
            {
                await Task.Delay(options.LongestRetry, time, ct).ConfigureAwait(false);
                continue;
            }

            if (batch.Count == 0)
            {
                await feed.WaitAsync(UntilNextParked(), ct).ConfigureAwait(false);
                continue;
            }

            if (_failuresInARow > 0)
            {
                await Task.Delay(Backoff.Of(options.FirstRetry, options.LongestRetry, _failuresInARow), time, ct).ConfigureAwait(false);
            }

            var began = time.GetTimestamp();
            var outcome = await SendAsync(batch, ct).ConfigureAwait(false);
            var failed = outcome.AllFailed ? batch.Count : outcome.Failed.Count;
            metrics.BatchSent(name, batch.Count - failed, failed, time.GetElapsedTime(began));
            if (outcome.AllFailed)
            {
                PutBack(batch, outcome.Reason);
            }
            else
            {
                var more = batch.Count >= _limit || _waiting.Count > 0;
                await FinishAsync(batch, outcome, ct).ConfigureAwait(false);
                if (!more && options.Gather > TimeSpan.Zero)
                {
                    await Task.Delay(options.Gather, time, ct).ConfigureAwait(false);
                }
            }
        }
    }

    private async Task<LaneOutcome> SendAsync(List<Pending> batch, CancellationToken ct)
    {
        try
        {
            return await send(batch.ConvertAll(pending => pending.Row), _failuresInARow > 0, ct).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // A row that cannot even be written into a request must not stop the others: it ends up alone and put aside.
        catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
        {
            return LaneOutcome.Failure(failure.Message);
        }
    }

    /// <summary>Null when the ledger cannot be read now.</summary>
    private async Task<List<Pending>?> TryNextBatchAsync(CancellationToken ct)
    {
        try
        {
            return await NextBatchAsync(ct).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // The top of the loop: it goes on when the ledger can be read again.
        catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
        {
            logger.RowsNotRead(name, failure);
            return null;
        }
    }

    private async Task<List<Pending>> NextBatchAsync(CancellationToken ct)
    {
        if (_parked.TryPeek(out _, out var due) && due <= time.GetUtcNow())
        {
            return [_parked.Dequeue()]; // alone: it must not take others down with it again
        }

        while (_waiting.Count < _limit && await feed.TakeAsync(ct).ConfigureAwait(false) is { } row)
        {
            _waiting.Add(new Pending(row));
        }

        return Cut();
    }

    /// <summary>At most one row of an assignment (a batch keeps no order), within the bounds of number and bytes.</summary>
    private List<Pending> Cut()
    {
        var batch = new List<Pending>(Math.Min(_limit, _waiting.Count));
        var tasks = new HashSet<long>();
        var bytes = 0L;
        var kept = 0;
        for (var i = 0; i < _waiting.Count; i++)
        {
            var pending = _waiting[i];
            var fits = batch.Count < _limit && (batch.Count == 0 || bytes + pending.Row.Bytes <= options.BatchBytes);
            if (tasks.Add(pending.Row.TaskKey) && fits)
            {
                batch.Add(pending);
                bytes += pending.Row.Bytes;
            }
            else
            {
                _waiting[kept++] = pending;
            }
        }

        _waiting.RemoveRange(kept, _waiting.Count - kept);
        return batch;
    }

    private void PutBack(List<Pending> batch, string? reason)
    {
        // One that was put aside and fails again tells nothing about the others.
        var known = batch.Count == 1 && batch[0].Failures > 0;
        if (!known || _failuresInARow > 0)
        {
            if (_failuresInARow++ == 0)
            {
                logger.SendingFailed(name, batch.Count, reason);
            }

            _limit = 1;
        }

        if (batch.Count == 1)
        {
            Park(batch[0], reason);
        }
        else
        {
            _waiting.InsertRange(0, batch);
        }
    }

    private Task FinishAsync(List<Pending> batch, LaneOutcome outcome, CancellationToken ct)
    {
        if (_failuresInARow > 0)
        {
            logger.SendingRecovered(name, _failuresInARow);
        }

        _failuresInARow = 0;
        _successes++;
        _limit = Math.Min(options.BatchRows, Math.Max(_limit, batch.Count) * 2);
        var left = new List<T>(batch.Count);
        foreach (var pending in batch)
        {
            if (outcome.Failed.Contains(pending.Row.Id))
            {
                Park(pending, outcome.Reason);
            }
            else
            {
                left.Add(pending.Row);
            }
        }

        return finish(left, ct);
    }

    private void Park(Pending pending, string? reason)
    {
        if (_parked.Count >= options.ParkedRows)
        {
            logger.RowLeftInLedger(name, pending.Row.Id, pending.Row.AssignmentId, reason);
            return;
        }

        // Failing again says something about the row only if others went through since.
        if (pending.Failures == 0 || _successes != pending.SuccessesAtFailure)
        {
            pending.Failures++;
            pending.SuccessesAtFailure = _successes;
            if (pending.Failures > 1)
            {
                logger.RowParked(name, pending.Row.Id, pending.Row.AssignmentId, pending.Failures, reason);
            }
        }

        _parked.Enqueue(pending, time.GetUtcNow() + Backoff.Of(options.FirstPark, options.LongestPark, pending.Failures));
    }

    private TimeSpan UntilNextParked()
    {
        if (!_parked.TryPeek(out _, out var due))
        {
            return Timeout.InfiniteTimeSpan;
        }

        var left = due - time.GetUtcNow();
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private sealed class Pending(T row)
    {
        public T Row => row;

        public int Failures { get; set; }

        public long SuccessesAtFailure { get; set; }
    }
}
