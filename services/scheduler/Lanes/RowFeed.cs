namespace Beamline.Scheduler.Lanes;

/// <summary>Rows read from the ledger; <paramref name="More"/> says that the page was full before the rows were at an end.</summary>
internal sealed record FeedPage<T>(IReadOnlyList<T> Rows, bool More)
{
    public FeedPage<TOther> Of<TOther>(Func<T, TOther> convert) => new([.. Rows.Select(convert)], More);
}

/// <summary>
/// The committed rows of one kind that have yet to leave. Commits offer them; what finds no room is read from the ledger later,
/// as is everything left over from an earlier run. One reader: the lane.
/// </summary>
/// <param name="readAfter">Reads a page of rows with ids above the argument, in the order of their ids.</param>
/// <param name="rising">
/// Ids rise from commit to commit. Where they do not (a task's end comes in any order), the ledger is read from its beginning
/// again, so a row may come twice until the ledger knows that it is done.
/// </param>
/// <param name="options">How much is kept in memory.</param>
/// <param name="time">The clock of the waits.</param>
internal sealed class RowFeed<T>(
    Func<long, CancellationToken, Task<FeedPage<T>>> readAfter,
    bool rising,
    LaneOptions options,
    TimeProvider time)
    where T : class, ILaneRow
{
    private readonly Lock _lock = new(); // guards everything below but _arrived
    private readonly Queue<T> _queue = new();
    private long _bytes;
    private long _lastQueued;
    private bool _behind = true; // the ledger may hold rows that are not in the queue
    private bool _passedOver;    // rows were offered since the last read began, and not queued

    private readonly Signal _arrived = new(time);

    /// <summary>Takes a committed row, or notes that it must be read later. Never blocks.</summary>
    public void Offer(T row)
    {
        lock (_lock)
        {
            if (rising && row.Id <= _lastQueued)
            {
                return; // a read was faster
            }

            if (!_behind && (_queue.Count >= options.BufferedRows || _bytes >= options.BufferedBytes))
            {
                _behind = true;
                _lastQueued = rising ? _lastQueued : 0;
            }

            if (_behind)
            {
                _passedOver = true;
            }
            else
            {
                Enqueue_NeedsLock(row);
            }
        }

        _arrived.Set();
    }

    /// <summary>Begins above <paramref name="id"/>: what is below has left. Call it before the first take.</summary>
    public void StartAfter(long id)
    {
        lock (_lock)
        {
            _lastQueued = id;
        }
    }

    /// <summary>Waits until something may be there, or <paramref name="longest"/> is over.</summary>
    public Task WaitAsync(TimeSpan longest, CancellationToken ct) => _arrived.WaitAsync(longest, ct);

    /// <summary>The next row, or null when there is none now.</summary>
    public async ValueTask<T?> TakeAsync(CancellationToken ct)
    {
        while (true)
        {
            long after;
            lock (_lock)
            {
                if (_queue.TryDequeue(out var row))
                {
                    _bytes -= row.Bytes;
                    return row;
                }

                if (!_behind)
                {
                    return null;
                }

                after = _lastQueued;
                _passedOver &= !rising && after > 0; // a read from the beginning sees all that was passed over
            }

            var page = await readAfter(after, ct).ConfigureAwait(false);
            lock (_lock)
            {
                Queue_NeedsLock(page);
            }
        }
    }

    private void Queue_NeedsLock(FeedPage<T> page)
    {
        foreach (var row in page.Rows)
        {
            Enqueue_NeedsLock(row);
        }

        if (page.More)
        {
            return;
        }

        // The last page saw all that was committed before the read began; an offer that came meanwhile stands for more.
        _behind = _passedOver;
        _lastQueued = rising ? _lastQueued : 0;
    }

    private void Enqueue_NeedsLock(T row)
    {
        _queue.Enqueue(row);
        _bytes += row.Bytes;
        _lastQueued = row.Id;
    }
}
