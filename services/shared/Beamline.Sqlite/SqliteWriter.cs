using System.Globalization;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Beamline.Sqlite;

/// <summary>
/// The one writer of a database: a thread that owns a connection and commits whatever waits in one transaction, so that many
/// callers share one wait for the disk. An item that throws is undone alone (a savepoint each) and its caller gets the
/// exception; a failed commit fails every item of it (a full disk is <see cref="SqliteException"/> with code 13), and the
/// writer goes on. A task completes only after its commit.
/// </summary>
public sealed class SqliteWriter : IAsyncDisposable
{
    private readonly SqliteWriterOptions _options;
    private readonly SqliteConnection _connection;
    private readonly WalCheckpoints? _checkpoints; // none where the file admits no second connection
    private readonly Channel<WorkItem> _queue;
    private readonly ManualResetEventSlim _wake = new(false, spinCount: 0); // spinning takes the core from those who have work for it
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _closing;

    private SqliteWriter(SqliteWriterOptions options, SqliteConnection connection)
    {
        _options = options;
        _connection = connection;
        _checkpoints = options.ExclusiveLock ? null : new WalCheckpoints(Connect(options, SqliteOpenMode.ReadWrite), Path.GetFileName(options.Path));
        // Full means that the disk is slower than the callers: they wait for room, which slows them to its pace.
        _queue = Channel.CreateBounded<WorkItem>(new BoundedChannelOptions(options.QueueCapacity) { SingleReader = true });
        new Thread(Run) { IsBackground = true, Name = $"sqlite {Path.GetFileName(options.Path)}" }.Start();
    }

    /// <summary>Opens or creates the file.</summary>
    /// <exception cref="SqliteException">Not a database, no room, or (code 5) locked by another owner.</exception>
    public static SqliteWriter Open(SqliteWriterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        SqliteEngine.Load();
        var connection = Connect(options, SqliteOpenMode.ReadWriteCreate);
        try
        {
            if (options.ExclusiveLock)
            {
                connection.Execute("PRAGMA locking_mode=EXCLUSIVE");
            }

            connection.Execute("PRAGMA journal_mode=WAL");
            connection.Execute($"PRAGMA synchronous={(int)options.Synchronous}");
            connection.Execute($"PRAGMA wal_autocheckpoint={options.WalAutoCheckpointPages}");
            if (options.MaxPages > 0)
            {
                connection.Execute($"PRAGMA max_page_count={options.MaxPages}");
            }

            // Takes the lock now: without a first transaction a second owner would be refused only at its first write.
            connection.Execute("BEGIN IMMEDIATE; COMMIT");
            options.Initialize?.Invoke(connection);
            return new SqliteWriter(options, connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Queues <paramref name="work"/>; its result arrives once it is committed. The token counts until the work starts.
    /// The work runs on the writer's thread and must not block or keep the connection.
    /// </summary>
    public async Task<T> RunAsync<T>(Func<SqliteConnection, SqliteTransaction, T> work, CancellationToken cancellation = default)
    {
        var item = new WorkItem<T>(work, cancellation);
        if (!_queue.Writer.TryWrite(item))
        {
            try
            {
                await _queue.Writer.WriteAsync(item, cancellation).ConfigureAwait(false);
            }
            catch (ChannelClosedException)
            {
                throw new ObjectDisposedException(nameof(SqliteWriter));
            }
        }

        _wake.Set();
        return await item.Completion.ConfigureAwait(false);
    }

    /// <inheritdoc cref="RunAsync{T}"/>
    public Task RunAsync(Action<SqliteConnection, SqliteTransaction> work, CancellationToken cancellation = default) =>
        RunAsync<object?>((connection, transaction) => { work(connection, transaction); return null; }, cancellation);

    /// <summary>A read-only connection of the caller's own, which sees what is committed.</summary>
    public SqliteConnection OpenReader() => _options.ExclusiveLock
        ? throw new InvalidOperationException("The file is locked exclusively: read through the writer.")
        : Connect(_options, SqliteOpenMode.ReadOnly);

    /// <summary>Commits what was queued, then closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        _closing = true;
        _queue.Writer.TryComplete();
        _wake.Set();
        await _stopped.Task.ConfigureAwait(false);
    }

    private static SqliteConnection Connect(SqliteWriterOptions options, SqliteOpenMode mode)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(options.BusyTimeout.TotalSeconds));
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = options.Path, Mode = mode, Pooling = false, DefaultTimeout = seconds,
        }.ToString());
        connection.Open();
        connection.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA busy_timeout={seconds * 1000}; PRAGMA foreign_keys=OFF"));
        // Some distributions build the engine to overwrite what is deleted with zeros: more pages written, for files that hold the
        // same data in their live rows and their log.
        connection.Execute("PRAGMA secure_delete=OFF");
        return connection;
    }

    private void Run()
    {
        var batch = new List<WorkItem>(_options.MaxBatch);
        while (true)
        {
            while (batch.Count < _options.MaxBatch && _queue.Reader.TryRead(out var item))
            {
                if (item.Start())
                {
                    batch.Add(item);
                }
            }

            if (batch.Count > 0)
            {
                Commit(batch);
                batch.Clear();
                continue;
            }

            if (_closing && !_queue.Reader.TryPeek(out _))
            {
                break;
            }

            // Reset, look again, sleep: a caller writes first and wakes after, so nothing is slept through.
            _wake.Reset();
            if (!_queue.Reader.TryPeek(out _) && !_closing)
            {
                _wake.Wait();
            }
        }

        _checkpoints?.Dispose();
        _connection.Dispose();
        _stopped.SetResult();
    }

    private void Commit(List<WorkItem> batch)
    {
        try
        {
            using var transaction = _connection.BeginTransaction();
            foreach (var item in batch)
            {
                RunOne(item, transaction, isolate: batch.Count > 1);
            }

            _options.BeforeCommit?.Invoke(_connection, transaction);
            Commit(transaction);
        }
#pragma warning disable CA1031 // The top of the loop: whatever failed the commit belongs to the callers, and the writer lives on.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _options.AfterCommit?.Invoke(_connection, false);
            batch.ForEach(item => item.Fail(failure));
            return;
        }

        _checkpoints?.Committed();
        _options.AfterCommit?.Invoke(_connection, true);
        batch.ForEach(item => item.Complete());
    }

    private void Commit(SqliteTransaction transaction)
    {
        try
        {
            transaction.Commit();
        }
        catch (SqliteException) when (raw.sqlite3_get_autocommit(_connection.Handle) != 0)
        {
            // The engine has rolled back by itself (what it does where the disk is full at COMMIT), and the transaction object does
            // not know: its own rollback would fail, and the connection would count as in a transaction for ever. It is given one to end.
            Check(raw.sqlite3_exec(_connection.Handle, "BEGIN"));
            throw;
        }
    }

    private void RunOne(WorkItem item, SqliteTransaction transaction, bool isolate)
    {
        var handle = _connection.Handle;
        if (isolate)
        {
            Check(raw.sqlite3_exec(handle, "SAVEPOINT item"));
        }

        try
        {
            item.Run(_connection, transaction);
        }
#pragma warning disable CA1031 // One item's failure is its caller's; the others go on.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            // SQLite rolls the whole transaction back by itself on some failures (a full disk, say): then all of it failed.
            if (!isolate || raw.sqlite3_get_autocommit(handle) != 0)
            {
                throw;
            }

            Check(raw.sqlite3_exec(handle, "ROLLBACK TO item"));
            item.Fail(failure);
        }

        if (isolate)
        {
            Check(raw.sqlite3_exec(handle, "RELEASE item"));
        }
    }

    private void Check(int code) => SqliteException.ThrowExceptionForRC(code, _connection.Handle);

    private abstract class WorkItem
    {
        /// <summary>False when the caller has gone meanwhile.</summary>
        public abstract bool Start();

        public abstract void Run(SqliteConnection connection, SqliteTransaction transaction);

        public abstract void Complete();

        public abstract void Fail(Exception failure);
    }

    private sealed class WorkItem<T>(Func<SqliteConnection, SqliteTransaction, T> work, CancellationToken cancellation) : WorkItem
    {
        // Callers' continuations must not run on the writer's thread.
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Task<T> Completion => _done.Task;

        public override bool Start() => !cancellation.IsCancellationRequested || !_done.TrySetCanceled(cancellation);

        public override void Run(SqliteConnection connection, SqliteTransaction transaction) => _result = work(connection, transaction);

        public override void Complete() => _done.TrySetResult(_result);

        public override void Fail(Exception failure) => _done.TrySetException(failure);
    }
}
