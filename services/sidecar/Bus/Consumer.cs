namespace Beamline.Sidecar.Bus;

/// <summary>
/// Reads one stream for its lanes. New messages are handed over as they are committed; a lane that falls behind the bounded
/// buffer reads from the file until it has caught up.
/// <code>
/// commit ──▶ ready (bounded) ─┐
/// file ───▶ refill ───────────┼─▶ a waiting lane ──▶ handler ──▶ ack: forgotten / nothing: due after ackWait ─┐
/// redeliver ◀─────────────────┴────────────────────────────────────────────────────────────────────────────────┘
/// </code>
/// Its position is the last sequence handed out and the unacknowledged ones below it; a durable's is saved with the next commit.
/// </summary>
internal sealed class Consumer : IDisposable
{
    private const int MaxReady = 1_024;
    private const long MaxReadyBytes = 8 * 1024 * 1024;
    private const int RefillRows = 256;
    private static readonly TimeSpan SilenceWait = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new(); // guards all below but the timer
    private readonly BusStore _bus;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Queue<BusMessage> _ready = new();
    private readonly Queue<BusMessage> _redeliver = new();
    private readonly LinkedList<TaskCompletionSource<Delivery>> _lanes = new();
    private readonly SortedDictionary<long, Pending> _pending = [];
    private readonly PriorityQueue<(long Sequence, int Count), long> _due = new();
    private long _readyBytes;
    private long _tail;
    private long _handedOut;
    private bool _behind;
    private bool _refilling;
    private bool _dirty;

    public Consumer(BusStore bus, StreamState stream, ConsumerOptions options, ConsumerPosition position, TimeProvider time)
    {
        (_bus, Stream, Options, _time) = (bus, stream, options, time);
        _tail = _handedOut = position.HandedOut;
        _behind = _tail < stream.LastCommitted;
        _timer = time.CreateTimer(_ => OnTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        // What was in hand when the process ended is in nobody's hands now.
        foreach (var (sequence, count) in position.Pending)
        {
            _pending[sequence] = new Pending(count);
            _due.Enqueue((sequence, count), 0);
        }
    }

    public StreamState Stream { get; }

    public ConsumerOptions Options { get; }

    /// <summary>Held by the one active lane of a durable without a queue group.</summary>
    public SemaphoreSlim Active { get; } = new(1);

    /// <summary>Lanes that use it; the bus counts them.</summary>
    public int Lanes { get; set; }

    /// <summary>The next message for a lane, whose earlier one has been settled.</summary>
    public async Task<Delivery> NextAsync(CancellationToken cancellation)
    {
        LinkedListNode<TaskCompletionSource<Delivery>> node;
        lock (_gate)
        {
            if (TryTake_NeedsLock(out var ready))
            {
                return ready;
            }

            node = _lanes.AddLast(new TaskCompletionSource<Delivery>(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        Pump();
        await using var registration = cancellation.UnsafeRegister(_ => Withdraw(node, cancellation), null).ConfigureAwait(false);
        return await node.Value.Task.ConfigureAwait(false);
    }

    public void Acknowledge(Delivery delivery)
    {
        lock (_gate)
        {
            if (!_pending.Remove(delivery.Message.Sequence))
            {
                return;
            }

            _dirty = Options.Durable is not null;
            Offer_NeedsLock();
        }

        if (_dirty)
        {
            _bus.SaveSoon();
        }
    }

    /// <summary>The handler wants it again: after ackWait, counted from the delivery, or at once where none is set.</summary>
    public void Retry(Delivery delivery)
    {
        if (Options.AckWait is not null)
        {
            return; // Due already.
        }

        lock (_gate)
        {
            if (_pending.TryGetValue(delivery.Message.Sequence, out var pending) && pending.Count == delivery.Count)
            {
                Again_NeedsLock(delivery.Message, delivery.Count);
                Offer_NeedsLock();
            }
        }
    }

    /// <summary>Called in the order of commits, by the writer's thread.</summary>
    public void Committed(BusMessage message)
    {
        if (!Options.Filter.Matches(message.Subject))
        {
            return;
        }

        lock (_gate)
        {
            if (_behind || message.Sequence <= _tail)
            {
                return;
            }

            if (_ready.Count >= MaxReady || _readyBytes >= MaxReadyBytes)
            {
                _behind = true;
                return;
            }

            Enqueue_NeedsLock(message);
            Offer_NeedsLock();
        }
    }

    /// <summary>Called once it is listed with its stream: what was committed before that is read from the file.</summary>
    public void CatchUp()
    {
        lock (_gate)
        {
            _behind |= _tail < Stream.LastCommitted;
        }
    }

    /// <summary>Looks for work anew: after the bus was away, or the buffer ran dry.</summary>
    public void Pump()
    {
        var refill = false;
        var due = false;
        lock (_gate)
        {
            if (_bus.IsDelivering)
            {
                Offer_NeedsLock();
                refill = _lanes.Count > 0 && _behind && _ready.Count == 0 && !_refilling;
                _refilling |= refill;
                due = _due.TryPeek(out _, out var at) && at <= Now();
            }
        }

        if (refill)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static consumer => consumer.Refill(), this, preferLocal: false);
        }

        if (due)
        {
            _timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The position to save, when it changed since the last call.</summary>
    public ConsumerPosition? TakeDirty()
    {
        lock (_gate)
        {
            if (!_dirty)
            {
                return null;
            }

            _dirty = false;
            return new ConsumerPosition(_handedOut, [.. _pending.Select(pair => (pair.Key, pair.Value.Count))]);
        }
    }

    /// <summary>The save failed: it is due again.</summary>
    public void MarkDirty()
    {
        lock (_gate)
        {
            _dirty = true;
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        Active.Dispose();
    }

    private void Withdraw(LinkedListNode<TaskCompletionSource<Delivery>> node, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (node.List is not null)
            {
                _lanes.Remove(node);
            }
        }

        node.Value.TrySetCanceled(cancellation);
    }

    private void Offer_NeedsLock()
    {
        while (_lanes.First is { } lane && TryTake_NeedsLock(out var delivery))
        {
            _lanes.RemoveFirst();
            lane.Value.SetResult(delivery);
        }
    }

    private bool TryTake_NeedsLock([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Delivery? delivery)
    {
        delivery = null;
        if (!_bus.IsDelivering)
        {
            return false;
        }

        while (_redeliver.TryDequeue(out var again))
        {
            if (_pending.TryGetValue(again.Sequence, out var pending))
            {
                delivery = HandOut_NeedsLock(again, pending.Count + 1);
                return true;
            }
        }

        if (_pending.Count >= Options.MaxAckPending || !_ready.TryDequeue(out var message))
        {
            return false;
        }

        _readyBytes -= message.Body.Length;
        _handedOut = message.Sequence;
        delivery = HandOut_NeedsLock(message, 1);
        return true;
    }

    private Delivery HandOut_NeedsLock(BusMessage message, int count)
    {
        _pending[message.Sequence] = new Pending(count);
        var at = Now() + (long)(Options.AckWait ?? SilenceWait).TotalMilliseconds;
        var first = !_due.TryPeek(out _, out var earliest) || at < earliest;
        _due.Enqueue((message.Sequence, count), at);
        if (first)
        {
            _timer.Change(Options.AckWait ?? SilenceWait, Timeout.InfiniteTimeSpan);
        }

        return new Delivery(message, count);
    }

    private void Again_NeedsLock(BusMessage message, int count)
    {
        if (Options.MaxDeliver > 0 && count >= Options.MaxDeliver)
        {
            _pending.Remove(message.Sequence);
            _dirty = Options.Durable is not null;
            _bus.ReportGivenUp(Stream, message, count);
            return;
        }

        _redeliver.Enqueue(message);
    }

    private void OnTimer()
    {
        var due = new List<(long Sequence, int Count)>();
        lock (_gate)
        {
            if (!_bus.IsDelivering)
            {
                return; // Pumped again when the bus is back.
            }

            while (_due.TryPeek(out var entry, out var at))
            {
                var settled = !_pending.TryGetValue(entry.Sequence, out var pending) || pending.Count != entry.Count;
                if (!settled && at > Now())
                {
                    _timer.Change(TimeSpan.FromMilliseconds(at - Now()), Timeout.InfiniteTimeSpan);
                    break;
                }

                _due.Dequeue();
                if (!settled)
                {
                    due.Add(entry);
                }
            }
        }

        foreach (var entry in due)
        {
            Redeliver(entry.Sequence, entry.Count);
        }
    }

    private void Redeliver(long sequence, int count)
    {
        var message = _bus.Read(Stream, sequence);
        lock (_gate)
        {
            if (message is null)
            {
                _pending.Remove(sequence); // Discarded by the stream's bounds meanwhile.
            }
            else if (_pending.TryGetValue(sequence, out var pending) && pending.Count == count)
            {
                Again_NeedsLock(message, count);
                Offer_NeedsLock();
            }
        }
    }

    private void Refill()
    {
        long after;
        lock (_gate)
        {
            after = _tail;
        }

        var rows = _bus.ReadAfter(Stream, after, RefillRows, out var scannedTo);
        lock (_gate)
        {
            foreach (var message in rows.Where(row => Options.Filter.Matches(row.Subject)))
            {
                Enqueue_NeedsLock(message);
            }

            _tail = Math.Max(_tail, scannedTo);
            // A commit announces itself after it has moved LastCommitted: either it is seen here, or it is enqueued there.
            _behind = _tail < Stream.LastCommitted;
            _refilling = false;
            Offer_NeedsLock();
        }

        Pump();
    }

    private void Enqueue_NeedsLock(BusMessage message)
    {
        _ready.Enqueue(message);
        _readyBytes += message.Body.Length;
        _tail = message.Sequence;
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private readonly record struct Pending(int Count);
}
