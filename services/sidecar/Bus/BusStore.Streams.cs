using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Sidecar.Bus;

/// <summary>The streams' tables, their bounds, and what is read back at the start.</summary>
internal sealed partial class BusStore
{
    private void Initialize(SqliteConnection connection)
    {
        connection.Execute(
            """
            CREATE TABLE IF NOT EXISTS streams (
                id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS consumers (
                stream INTEGER NOT NULL, name TEXT NOT NULL, filter TEXT NOT NULL, position BLOB NOT NULL, PRIMARY KEY (stream, name));
            """);
        for (var index = 0; index < _streams.Length; index++)
        {
            _streams[index] = OpenStream(connection, _streams[index]);
        }
    }

    // Ids are the file's, not the settings' order: streams may be added and moved about.
    private StreamState OpenStream(SqliteConnection connection, StreamState declared)
    {
        var name = declared.Options.Name;
        connection.Prepared("INSERT INTO streams (name, last, messages, bytes) VALUES ($name, 0, 0, 0) ON CONFLICT (name) DO NOTHING")
            .Bind("$name", name).ExecuteNonQuery();
        var id = Convert.ToInt32(
            connection.Prepared("SELECT id FROM streams WHERE name = $name").Bind("$name", name).ExecuteScalar(),
            System.Globalization.CultureInfo.InvariantCulture);
        var stream = new StreamState(id, declared.Options, declared.Dedup);
        connection.Execute(
            $"CREATE TABLE IF NOT EXISTS {stream.Table} (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, size INTEGER NOT NULL, subject TEXT NOT NULL, body BLOB NOT NULL)");
        ReadCounters(connection, stream);
        stream.LastCommitted = stream.Last;
        RememberIds(connection, stream);
        return stream;
    }

    private static void ReadCounters(SqliteConnection connection, StreamState stream)
    {
        using var reader = connection.Prepared("SELECT last, messages, bytes FROM streams WHERE id = $id").Bind("$id", stream.Id).ExecuteReader();
        reader.Read();
        (stream.Last, stream.Messages, stream.Bytes) = (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
        stream.Dirty = false;
    }

    private static void SaveCounters(SqliteConnection connection, SqliteTransaction transaction, StreamState stream) => connection
        .Prepared("UPDATE streams SET last = $last, messages = $messages, bytes = $bytes WHERE id = $id", transaction)
        .Bind("$last", stream.Last).Bind("$messages", stream.Messages).Bind("$bytes", stream.Bytes).Bind("$id", stream.Id).ExecuteNonQuery();

    // The window outlives a restart: the ids are in the bodies.
    private void RememberIds(SqliteConnection connection, StreamState stream)
    {
        var since = (_options.Time.GetUtcNow() - _options.DedupWindow).ToUnixTimeMilliseconds();
        var first = connection.Prepared($"SELECT COALESCE(MAX(seq), 0) - $limit FROM {stream.Table}").Bind("$limit", _options.MaxDedupIds).ExecuteScalar();
        using var reader = connection
            .Prepared($"SELECT body, at FROM {stream.Table} WHERE seq > $first AND at > $since ORDER BY seq").Bind("$first", first).Bind("$since", since)
            .ExecuteReader();
        while (reader.Read())
        {
            if (OutgoingMessage.KeyOf(reader.GetFieldValue<byte[]>(0)) is { } key)
            {
                stream.Dedup.TryAdd(key, reader.GetInt64(1));
            }
        }
    }

    private void Discard(SqliteConnection connection, SqliteTransaction transaction, StreamState stream)
    {
        var bounds = stream.Options;
        var oldest = bounds.MaxAge > TimeSpan.Zero ? (_options.Time.GetUtcNow() - bounds.MaxAge).ToUnixTimeMilliseconds() : long.MinValue;
        while (stream.Messages > 0)
        {
            var (upTo, messages, bytes) = DiscardRound(connection, transaction, stream, oldest);
            if (messages == 0)
            {
                return;
            }

            connection.Prepared($"DELETE FROM {stream.Table} WHERE seq <= $seq", transaction).Bind("$seq", upTo).ExecuteNonQuery();
            stream.Messages -= messages;
            stream.Bytes -= bytes;
        }
    }

    private static (long UpTo, long Messages, long Bytes) DiscardRound(
        SqliteConnection connection, SqliteTransaction transaction, StreamState stream, long oldest)
    {
        var bounds = stream.Options;
        var (upTo, messages, bytes) = (0L, 0L, 0L);
        using var reader = connection.Prepared($"SELECT seq, at, size FROM {stream.Table} ORDER BY seq LIMIT 1000", transaction).ExecuteReader();
        while (reader.Read()
            && (stream.Messages - messages > bounds.MaxMessages || stream.Bytes - bytes > bounds.MaxBytes || reader.GetInt64(1) < oldest))
        {
            (upTo, messages, bytes) = (reader.GetInt64(0), messages + 1, bytes + reader.GetInt64(2));
        }

        return (upTo, messages, bytes);
    }
}
