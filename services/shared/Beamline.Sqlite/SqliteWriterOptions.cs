using Microsoft.Data.Sqlite;

namespace Beamline.Sqlite;

/// <summary>When a commit is safe: FULL after power loss too, NORMAL after any crash of the process.</summary>
public enum SqliteSynchronous
{
    Normal = 1,
    Full = 2,
}

public sealed class SqliteWriterOptions
{
    /// <summary>The database file; its folder must exist.</summary>
    public required string Path { get; init; }

    /// <summary>FULL waits for the disk in each commit.</summary>
    public SqliteSynchronous Synchronous { get; init; } = SqliteSynchronous.Full;

    /// <summary>Locks the file against every other connection, readers included: a second owner fails at its start.</summary>
    public bool ExclusiveLock { get; init; }

    /// <summary>How long to wait for another process's lock; whole seconds, at least one.</summary>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Work items that may wait; callers beyond it wait for room.</summary>
    public int QueueCapacity { get; init; } = 8_192;

    /// <summary>Work items that share one commit: more gains nothing and delays the first one's answer.</summary>
    public int MaxBatch { get; init; } = 1_024;

    /// <summary>
    /// Pages in the write-ahead log at which the writer itself folds back what a thread beside it has not: the bound of the log
    /// while commits never pause.
    /// </summary>
    public int WalAutoCheckpointPages { get; init; } = 4_000;

    /// <summary>Largest size of the database in pages (0: SQLite's own limit). Beyond it a commit fails as on a full disk (code 13).</summary>
    public int MaxPages { get; init; }

    /// <summary>Runs once on the new connection, before the first work item: schema and migrations.</summary>
    public Action<SqliteConnection>? Initialize { get; init; }

    /// <summary>Runs in each transaction after its work items, on the writer's thread: what is written once a commit.</summary>
    public Action<SqliteConnection, SqliteTransaction>? BeforeCommit { get; init; }

    /// <summary>
    /// Runs after each transaction, on the writer's thread and before the callers hear of it, with whether it was committed.
    /// Must not throw.
    /// </summary>
    public Action<SqliteConnection, bool>? AfterCommit { get; init; }
}
