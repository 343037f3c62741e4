using Beamline.Observability.Faults;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Sidecar.Bus;

/// <summary>
/// The durable bus: streams of messages in one SQLite file. A publish is answered after its commit, and whatever is published
/// at the same time shares it. Consumers hear of messages in the order of commits, without reading the file.
/// </summary>
internal sealed partial class BusStore : IAsyncDisposable
{
    private readonly ILogger _logger;
    private readonly SidecarOptions _options;
    private readonly SidecarFaults _faults;
    private readonly StreamState[] _streams;
    private readonly SqliteWriter _writer;
    private readonly SqliteConnection _reader;
    private readonly Lock _reading = new(); // guards _reader
    private readonly SemaphoreSlim _subscribing = new(1); // one subscription opens or closes at a time
    private readonly Dictionary<(int Stream, string Name), Consumer> _durables = [];
    private readonly List<(StreamState Stream, BusMessage Message, UInt128? Key)> _uncommitted = []; // the writer's thread
    private readonly List<Consumer> _saving = []; // the writer's thread
    private readonly Dictionary<int, SqliteStatement> _inserts = []; // by stream; the writer's thread
    private int _saveQueued;

    private BusStore(SidecarOptions options, SidecarFaults faults, ILogger logger)
    {
        (_options, _faults, _logger) = (options, faults, logger);
        _streams = [.. options.Streams.Select((stream, index) =>
            new StreamState(index + 1, stream, new DedupWindow(options.DedupWindow, options.MaxDedupIds)))];
        _writer = SqliteWriter.Open(new SqliteWriterOptions
        {
            Path = Path.Combine(options.DataDirectory, "bus.db"),
            Synchronous = options.Synchronous,
            Initialize = Initialize,
            BeforeCommit = BeforeCommit,
            AfterCommit = AfterCommit,
        });
        _reader = _writer.OpenReader();
        faults.Bus.Changed += PumpAll;
    }

    public bool IsDelivering => _faults.Bus.Mode != FaultMode.Away;

    public static BusStore Open(SidecarOptions options, SidecarFaults faults, ILogger logger) => new(options, faults, logger);

    public StreamState? StreamOf(string subject) => Array.Find(_streams, stream => stream.Holds(subject));

    /// <summary>All of them in one transaction, in their order. An entry of the answer is null when the message is safe (or was seen before), else why not.</summary>
    public async Task<string?[]> PublishAsync(IReadOnlyList<OutgoingMessage> messages, CancellationToken cancellation)
    {
        var errors = new string?[messages.Count];
        var accepted = new List<(StreamState Stream, OutgoingMessage Message)>(messages.Count);
        var (subject, stream) = ((string?)null, (StreamState?)null); // a bulk has one subject: looked up once
        for (var index = 0; index < messages.Count; index++)
        {
            var message = messages[index];
            if (message.Subject != subject)
            {
                (subject, stream) = (message.Subject, StreamOf(message.Subject));
            }

            if (message.Body.Length > _options.MaxMessageBytes)
            {
                errors[index] = "nats: maximum payload exceeded";
            }
            else if (stream is not null)
            {
                accepted.Add((stream, message));
            }
            else
            {
                errors[index] = "nats: no response from stream";
            }
        }

        if (accepted.Count > 0 && await StoreAsync(accepted, cancellation).ConfigureAwait(false) is { } failure)
        {
            for (var index = 0; index < errors.Length; index++)
            {
                errors[index] ??= failure;
            }
        }

        return errors;
    }

    public BusMessage? Read(StreamState stream, long sequence)
    {
        lock (_reading)
        {
            using var reader = _reader.Prepared($"SELECT subject, body FROM {stream.Table} WHERE seq = $seq").Bind("$seq", sequence).ExecuteReader();
            return reader.Read() ? new BusMessage(sequence, reader.GetString(0), reader.GetFieldValue<byte[]>(1)) : null;
        }
    }

    public List<BusMessage> ReadAfter(StreamState stream, long sequence, int limit, out long scannedTo)
    {
        var rows = new List<BusMessage>(limit);
        scannedTo = stream.LastCommitted;
        lock (_reading)
        {
            using var reader = _reader
                .Prepared($"SELECT seq, subject, body FROM {stream.Table} WHERE seq > $seq ORDER BY seq LIMIT $limit")
                .Bind("$seq", sequence).Bind("$limit", limit).ExecuteReader();
            while (reader.Read())
            {
                rows.Add(new BusMessage(reader.GetInt64(0), reader.GetString(1), reader.GetFieldValue<byte[]>(2)));
            }
        }

        // A full page may end before the stream does; else all that was committed before the read has been seen.
        scannedTo = rows.Count == limit ? rows[^1].Sequence : Math.Max(scannedTo, rows.Count == 0 ? 0 : rows[^1].Sequence);
        return rows;
    }

    /// <summary>Positions changed: they ride with the next commit, or with one of their own when none is under way.</summary>
    public void SaveSoon()
    {
        if (Interlocked.Exchange(ref _saveQueued, 1) == 0)
        {
            _ = SaveAsync();
        }
    }

    public void ReportGivenUp(StreamState stream, BusMessage message, int deliveries) =>
        GaveUpMessage(_logger, stream.Options.Name, message.Subject, message.Sequence, deliveries);

    public async ValueTask DisposeAsync()
    {
        _faults.Bus.Changed -= PumpAll;
        SaveSoon();
        await _writer.RunAsync((_, _) =>
        {
            foreach (var insert in _inserts.Values)
            {
                insert.Dispose();
            }
        }).ConfigureAwait(false);
        await _writer.DisposeAsync().ConfigureAwait(false);
        foreach (var consumer in _streams.SelectMany(stream => stream.Consumers))
        {
            consumer.Dispose();
        }

        lock (_reading)
        {
            _reader.Dispose();
        }

        _subscribing.Dispose();
    }

    private async Task SaveAsync()
    {
        try
        {
            await _writer.RunAsync((_, _) => Volatile.Write(ref _saveQueued, 0)).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is SqliteException or ObjectDisposedException)
        {
            // The positions stay marked and go with the next commit; until then a crash only means redelivery.
            Volatile.Write(ref _saveQueued, 0);
            SaveFailed(_logger, failure);
        }
    }

    private async Task<string?> StoreAsync(List<(StreamState Stream, OutgoingMessage Message)> messages, CancellationToken cancellation)
    {
        try
        {
            if (!await _faults.Bus.PassAsync(_options.Time, cancellation).ConfigureAwait(false))
            {
                return "nats: timeout";
            }

            await _writer.RunAsync((connection, _) => Insert(connection, messages), cancellation).ConfigureAwait(false);
            Failpoints.Hit("sidecar.after-commit");
            return null;
        }
        catch (Exception failure) when (failure is SqliteException or ObjectDisposedException)
        {
            PublishFailed(_logger, failure);
            return failure.Message;
        }
    }

    private void Insert(SqliteConnection connection, List<(StreamState Stream, OutgoingMessage Message)> messages)
    {
        var now = _options.Time.GetUtcNow().ToUnixTimeMilliseconds();
        var before = _uncommitted.Count;
        try
        {
            foreach (var (stream, message) in messages)
            {
                InsertOne(connection, stream, message, now);
            }
        }
        catch
        {
            // The item's rows are undone by its savepoint: so is what was counted for them.
            Forget(before);
            throw;
        }
    }

    private void InsertOne(SqliteConnection connection, StreamState stream, OutgoingMessage message, long now)
    {
        if (message.DedupKey is { } key && !stream.Dedup.TryAdd(key, now))
        {
            return;
        }

        var stored = new BusMessage(stream.Last + 1, message.Subject, message.Body);
        _uncommitted.Add((stream, stored, message.DedupKey));
        stream.Last++;
        stream.Messages++;
        stream.Bytes += message.Body.Length;
        stream.Dirty = true;
        if (!_inserts.TryGetValue(stream.Id, out var insert))
        {
            insert = new SqliteStatement(connection, $"INSERT INTO {stream.Table} (seq, at, size, subject, body) VALUES (?, ?, ?, ?, ?)");
            _inserts.Add(stream.Id, insert);
        }

        insert.Add(stored.Sequence).Add(now).Add(message.Body.Length).Add(message.Subject).Add(message.Body).Run();
    }

    private void Forget(int from)
    {
        for (var index = _uncommitted.Count - 1; index >= from; index--)
        {
            var (stream, message, key) = _uncommitted[index];
            stream.Last--;
            stream.Messages--;
            stream.Bytes -= message.Body.Length;
            if (key is { } added)
            {
                stream.Dedup.Remove(added);
            }
        }

        _uncommitted.RemoveRange(from, _uncommitted.Count - from);
    }

    private void BeforeCommit(SqliteConnection connection, SqliteTransaction transaction)
    {
        foreach (var stream in _streams)
        {
            if (stream.Dirty)
            {
                Discard(connection, transaction, stream);
                SaveCounters(connection, transaction, stream);
                stream.Dirty = false;
            }

            foreach (var consumer in stream.Consumers)
            {
                if (consumer.TakeDirty() is { } position)
                {
                    _saving.Add(consumer);
                    connection.Prepared("UPDATE consumers SET position = $position WHERE stream = $stream AND name = $name", transaction)
                        .Bind("$position", position.ToBytes()).Bind("$stream", stream.Id).Bind("$name", consumer.Options.Durable)
                        .ExecuteNonQuery();
                }
            }
        }
    }

    private void AfterCommit(SqliteConnection connection, bool committed)
    {
        if (!committed)
        {
            _uncommitted.ForEach(entry => { if (entry.Key is { } key) { entry.Stream.Dedup.Remove(key); } });
            _saving.ForEach(consumer => consumer.MarkDirty());
            Array.ForEach(_streams, stream => ReadCounters(connection, stream));
        }
        else
        {
            Announce();
        }

        _uncommitted.Clear();
        _saving.Clear();
    }

    private void Announce()
    {
        foreach (var (stream, message, _) in _uncommitted)
        {
            stream.LastCommitted = message.Sequence;
            foreach (var consumer in stream.Consumers)
            {
                consumer.Committed(message);
            }
        }
    }

    private void PumpAll()
    {
        foreach (var consumer in _streams.SelectMany(stream => stream.Consumers))
        {
            consumer.Pump();
        }
    }

}
