using Beamline.Sidecar.Components;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Sidecar.State;

/// <summary><c>state.sqlite</c>: a table in a file, written through the one writer, read beside it.</summary>
internal sealed class SqliteStateStore : IStateStore
{
    private static readonly string[] Settings = ["connectionString", "cleanupInterval", "keyPrefix", "timeout", "busyTimeout", "disableWAL", "tableName", "metadataTableName"];

    private const string Select = "SELECT value, etag, expires FROM beamline_state WHERE key = ? AND (expires IS NULL OR expires > ?)";

    private readonly SqliteWriter _writer;
    private readonly SqliteConnection _reader;
    private readonly Lock _reading = new(); // guards _reader and _select
    private readonly SqliteStatement _select;
    private Statements? _writing; // the writer's thread
    private readonly TimeProvider _time;
    private readonly ITimer _cleanup;

    private SqliteStateStore(ComponentDocument component, SqliteWriter writer, TimeProvider time, TimeSpan cleanupInterval)
    {
        Component = component;
        _writer = writer;
        _reader = writer.OpenReader();
        _select = new SqliteStatement(_reader, Select);
        _time = time;
        _cleanup = time.CreateTimer(_ => _ = PurgeAsync(), null, cleanupInterval, cleanupInterval);
    }

    public ComponentDocument Component { get; }

    public IReadOnlyList<string> Capabilities { get; } = ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", "ACTOR"];

    public static SqliteStateStore? Open(ComponentDocument component, SidecarOptions options, List<string> faults)
    {
        ComponentSettings.RefuseUnknown(component, Settings, faults);
        var interval = TimeSpan.FromHours(1);
        if (component.Setting("cleanupInterval") is { } text && (!GoDuration.TryParse(text, out interval) || interval <= TimeSpan.Zero))
        {
            faults.Add($"Component '{component.Name}': cleanupInterval '{text}' is no duration.");
        }

        var file = component.Setting("connectionString") ?? $"state-{component.Name}.db";
        if (file.Contains(':', StringComparison.Ordinal) || file.Contains('?', StringComparison.Ordinal))
        {
            faults.Add($"Component '{component.Name}': connectionString must be a plain file name for the embedded sidecar, not '{file}'.");
        }

        if (faults.Count > 0)
        {
            return null;
        }

        try
        {
            // A relative file lies with the sidecar's other data, wherever the process was started.
            var path = Path.Combine(options.DataDirectory, file);
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var writer = SqliteWriter.Open(new SqliteWriterOptions { Path = path, Synchronous = options.Synchronous, Initialize = Initialize });
            return new SqliteStateStore(component, writer, options.Time, interval);
        }
        catch (Exception failure) when (failure is SqliteException or IOException or UnauthorizedAccessException)
        {
            faults.Add($"Component '{component.Name}': {failure.Message}");
            return null;
        }
    }

    public ValueTask<StateItem?[]> GetAsync(IReadOnlyList<string> keys, CancellationToken cancellation)
    {
        var now = Now();
        var items = new StateItem?[keys.Count];
        lock (_reading)
        {
            // One look at the file for all keys: each transaction takes its locks, and begins with an empty page cache after a write.
            using var transaction = _reader.BeginTransaction(deferred: true);
            for (var index = 0; index < keys.Count; index++)
            {
                items[index] = Read(_select, keys[index], now);
            }

            transaction.Commit();
        }

        return new(items);
    }

    public Task<EtagMismatchException?[]> WriteEachAsync(IReadOnlyList<StateWrite> writes, CancellationToken cancellation) =>
        _writer.RunAsync(
            (connection, _) =>
            {
                var now = Now();
                var statements = _writing ??= new Statements(connection);
                var results = new EtagMismatchException?[writes.Count];
                for (var index = 0; index < writes.Count; index++)
                {
                    results[index] = Write(statements, writes[index], now) ? null : new EtagMismatchException();
                }

                return results;
            },
            cancellation);

    public Task WriteAllAsync(IReadOnlyList<StateWrite> writes, CancellationToken cancellation) =>
        _writer.RunAsync(
            (connection, _) =>
            {
                var now = Now();
                var statements = _writing ??= new Statements(connection);
                foreach (var write in writes)
                {
                    if (!Write(statements, write, now))
                    {
                        throw new EtagMismatchException();
                    }
                }
            },
            cancellation);

    public async ValueTask DisposeAsync()
    {
        await _cleanup.DisposeAsync().ConfigureAwait(false);
        await _writer.RunAsync((_, _) => _writing?.Dispose()).ConfigureAwait(false);
        await _writer.DisposeAsync().ConfigureAwait(false);
        lock (_reading)
        {
            _select.Dispose();
            _reader.Dispose();
        }
    }

    // Keys are mostly hashes. Rows in the order of writing put the values of a transaction side by side, and only the small
    // index of keys is written all over; its pages should stay in memory (16 MiB).
    private static void Initialize(SqliteConnection connection) => connection.Execute(
        """
        PRAGMA cache_size=-16384;
        CREATE TABLE IF NOT EXISTS beamline_state (
            key TEXT PRIMARY KEY, value BLOB NOT NULL, etag TEXT NOT NULL, expires INTEGER);
        CREATE INDEX IF NOT EXISTS beamline_state_expires ON beamline_state (expires) WHERE expires IS NOT NULL;
        """);

    private static StateItem? Read(SqliteStatement select, string key, long now)
    {
        try
        {
            return select.Add(key).Add(now).Step()
                ? new StateItem(select.Bytes(0), select.Text(1), select.Number(2) is { } until ? DateTimeOffset.FromUnixTimeMilliseconds(until) : null)
                : null;
        }
        finally
        {
            select.Reset();
        }
    }

    private static bool Write(Statements statements, StateWrite write, long now)
    {
        if (write.Etag is not null || write.FirstWrite)
        {
            var stored = Read(statements.Select, write.Key, now);
            if (write.Etag is not null ? stored?.Etag != write.Etag : stored is not null && write.Value is not null)
            {
                return false;
            }
        }

        if (write.Value is null)
        {
            statements.Delete.Add(write.Key).Run();
            return true;
        }

        statements.Upsert.Add(write.Key).Add(write.Value).Add(Guid.NewGuid().ToString())
            .Add(write.TimeToLive is { } life ? now + (long)life.TotalMilliseconds : null).Run();
        return true;
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    // A thousand rows at a time: writers between the rounds never wait long.
    private async Task PurgeAsync()
    {
        try
        {
            while (await _writer.RunAsync((connection, transaction) => connection
                .Prepared("DELETE FROM beamline_state WHERE key IN (SELECT key FROM beamline_state WHERE expires <= $now LIMIT 1000)", transaction)
                .Bind("$now", Now()).ExecuteNonQuery()).ConfigureAwait(false) == 1000)
            {
            }
        }
        catch (Exception failure) when (failure is SqliteException or ObjectDisposedException)
        {
            // Expired rows are not seen by readers: the next round deletes them.
        }
    }

    /// <summary>What the writer's thread runs.</summary>
    private sealed class Statements(SqliteConnection connection) : IDisposable
    {
        public SqliteStatement Select { get; } = new(connection, SqliteStateStore.Select);

        public SqliteStatement Upsert { get; } =
            new(connection, "INSERT OR REPLACE INTO beamline_state (key, value, etag, expires) VALUES (?, ?, ?, ?)");

        public SqliteStatement Delete { get; } = new(connection, "DELETE FROM beamline_state WHERE key = ?");

        public void Dispose()
        {
            Select.Dispose();
            Upsert.Dispose();
            Delete.Dispose();
        }
    }
}
