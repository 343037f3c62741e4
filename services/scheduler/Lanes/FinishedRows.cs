using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Lanes;

/// <summary>
/// Tells the ledger which rows have left, gathered for a moment so that many share a transaction. A row that the ledger does
/// not know about after a crash leaves again, as the same bytes.
/// </summary>
internal sealed class FinishedRows(
    Func<IReadOnlyList<long>, CancellationToken, Task> commit,
    LaneOptions options,
    TimeProvider time,
    ILogger logger)
{
    // A full disk can keep the ledger from taking note for hours. What is beyond this is forgotten here, and leaves once more
    // after the next start.
    private const int MaxHeld = 1_000_000;

    private readonly Lock _lock = new(); // guards _ids
    private List<long> _ids = [];
    private readonly Signal _arrived = new(time);

    public void Add(IReadOnlyList<ILaneRow> rows)
    {
        lock (_lock)
        {
            foreach (var row in rows)
            {
                if (_ids.Count < MaxHeld)
                {
                    _ids.Add(row.Id);
                }
            }
        }

        _arrived.Set();
    }

    public async Task RunAsync(CancellationToken ct)
    {
        var failures = 0;
        while (true)
        {
            await _arrived.WaitAsync(Timeout.InfiniteTimeSpan, ct).ConfigureAwait(false);
            var pause = failures == 0 ? options.GatherFinished : Backoff.Of(options.FirstRetry, options.LongestRetry, failures);
            await Task.Delay(pause, time, ct).ConfigureAwait(false);
            failures = await TryCommitAsync(ct).ConfigureAwait(false) ? 0 : failures + 1;
        }
    }

    /// <summary>Commits what is gathered now. False when the ledger refused: the ids are kept, and the signal is set again.</summary>
    public async Task<bool> TryCommitAsync(CancellationToken ct)
    {
        List<long> ids;
        lock (_lock)
        {
            (ids, _ids) = (_ids, []);
        }

        if (ids.Count == 0)
        {
            return true;
        }

        try
        {
            await commit(ids, ct).ConfigureAwait(false);
            return true;
        }
#pragma warning disable CA1031 // The top of the loop: the ledger's trouble is its own to report and to get over; these rows only wait.
        catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
        {
            logger.RowsNotFinished(ids.Count, failure);
            lock (_lock)
            {
                _ids.InsertRange(0, ids);
            }

            _arrived.Set();
            return false;
        }
    }
}
