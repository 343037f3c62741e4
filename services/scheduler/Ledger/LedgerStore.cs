using Beamline.Scheduler.Core;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>
/// The ledger's file and its one writer. A lock file keeps a second scheduler out (released by the system when the process
/// dies), so that readers may still look at the database while it is written.
/// </summary>
public sealed class LedgerStore : IAsyncDisposable
{
    private readonly FileStream _lock;
    private readonly SqliteWriter _writer;
    private LedgerWriting? _writing;

    private LedgerStore(LedgerOptions options, FileStream held, SqliteWriter writer, long epoch)
    {
        Options = options;
        _lock = held;
        _writer = writer;
        Epoch = epoch;
        Reader = new LedgerReader(writer.OpenReader);
    }

    /// <summary>This writer's number, higher than any before it.</summary>
    public long Epoch { get; }

    public LedgerOptions Options { get; }

    public LedgerReader Reader { get; }

    /// <summary>Opens or creates the ledger, brings its schema up to date and takes the next epoch.</summary>
    /// <exception cref="InvalidOperationException">Another scheduler has it, or a newer version wrote it.</exception>
    public static LedgerStore Open(LedgerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Directory.CreateDirectory(options.Folder);
        var held = Lock(options);
        try
        {
            long epoch = 0;
            var writer = SqliteWriter.Open(new SqliteWriterOptions
            {
                Path = options.FilePath,
                Synchronous = options.Synchronous,
                MaxPages = options.MaxPages,
                Initialize = connection =>
                {
                    // The unique indexes are hit all over: their pages should stay in memory (64 MiB).
                    connection.Execute("PRAGMA cache_size=-65536");
                    LedgerSchema.Migrate(connection);
                    epoch = LedgerSchema.NextEpoch(connection);
                },
            });
            return new LedgerStore(options, held, writer, epoch);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Everything that a scheduler needs to go on where the last one stopped.</summary>
    internal RestoredLedger Restore()
    {
        using var connection = _writer.OpenReader();
        return new RestoredLedger(
            LedgerRestoring.OpenTasks(connection),
            LedgerRestoring.Keys(connection),
            LedgerRestoring.Cancels(connection),
            checked((int)LedgerSchema.Scalar(connection, "SELECT count(*) FROM outbox")),
            LedgerRestoring.CpuUsed(connection));
    }

    /// <summary>The messages are on the bus: the ledger owes them no more.</summary>
    internal Task DeleteOutboxAsync(IReadOnlyList<long> ids, CancellationToken cancellation) =>
        WriteAsync((_, _, writing) => writing.DeleteOutbox(ids), cancellation);

    /// <summary>The state store has confirmed these tasks' keys: their rows may be purged when they are old enough.</summary>
    public Task ConfirmKeysAsync(IReadOnlyList<long> tasks, CancellationToken cancellation) =>
        WriteAsync((_, _, writing) => writing.ConfirmKeys(tasks), cancellation);

    /// <summary>Runs <paramref name="work"/> in a transaction on the writer's thread, between the engine's own.</summary>
    public Task<T> RunAsync<T>(Func<SqliteConnection, SqliteTransaction, T> work, CancellationToken cancellation) =>
        _writer.RunAsync(work, cancellation);

    /// <summary>Commits a batch; throws when it could not, and then nothing of it is there.</summary>
    internal Task CommitAsync(ChangeBatch batch) => WriteAsync((_, _, writing) => writing.Apply(batch), CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await Reader.DisposeAsync().ConfigureAwait(false);
        // Statements belong to the writer's thread, and an open one would keep the file open.
        await _writer.RunAsync((_, _) => _writing?.Dispose()).ConfigureAwait(false);
        await _writer.DisposeAsync().ConfigureAwait(false);
        await _lock.DisposeAsync().ConfigureAwait(false);
    }

    private static FileStream Lock(LedgerOptions options)
    {
        var path = options.FilePath + ".lock";
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure)
        {
            throw new InvalidOperationException(
                $"Another scheduler has the ledger in {Path.GetFullPath(options.Folder)} (it holds {Path.GetFileName(path)}). "
                + "One ledger has one writer: stop the other, or give this one a folder of its own (Ledger:Folder).", failure);
        }
    }

    private Task WriteAsync(Action<SqliteConnection, SqliteTransaction, LedgerWriting> work, CancellationToken cancellation) =>
        _writer.RunAsync((connection, transaction) => work(connection, transaction, _writing ??= new LedgerWriting(connection)), cancellation);
}
