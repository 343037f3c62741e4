using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;
using SQLitePCL;

namespace Beamline.IoExecutor.Blocks.Sql;

/// <summary>The engine refused or failed. The engine's message speaks of the query and its tables only.</summary>
internal sealed class SqliteFailure(int code, string message) : Exception(message)
{
    private const int PrimaryCode = 0xFF;
    private const int NotAllowedByAuthorizer = 23;

    public bool Interrupted => (code & PrimaryCode) == raw.SQLITE_INTERRUPT;

    /// <summary>Throws for any code but OK.</summary>
    public static void Check(int code, sqlite3? database)
    {
        if (code != raw.SQLITE_OK)
        {
            throw Of(code, database);
        }
    }

    public static SqliteFailure Of(int code, sqlite3? database) =>
        new(code, (database is null ? raw.sqlite3_errstr(code) : raw.sqlite3_errmsg(database)).utf8_to_string());

    public BlockOutcome Outcome() => (code & PrimaryCode) switch
    {
        NotAllowedByAuthorizer => Failed(ErrorCode.PermissionDenied, $"The statement is refused: {Message}.", false, "not_authorized"),
        raw.SQLITE_READONLY or raw.SQLITE_PERM => Failed(ErrorCode.PermissionDenied, $"The database is read only here: {Message}.", false, "read_only"),
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => Failed(ErrorCode.ResourceUnavailable, "The database is locked by another connection.", true, "locked"),
        raw.SQLITE_FULL => Failed(ErrorCode.ResourceUnavailable, "The database or the disk is full.", true, "full"),
        raw.SQLITE_NOMEM => Failed(ErrorCode.ResourceUnavailable, "The engine is out of memory.", true, "no_memory"),
        raw.SQLITE_ERROR => Failed(ErrorCode.InvalidInput, $"The query is refused: {Message}.", false, "sql_error"),
        raw.SQLITE_CONSTRAINT => Failed(ErrorCode.ExecutionFailed, $"{Message}.", false, "constraint"),
        raw.SQLITE_TOOBIG => Failed(ErrorCode.ExecutionFailed, "A value or row is larger than Sql:MaxValueBytes.", false, "value_too_large"),
        raw.SQLITE_CANTOPEN => Failed(ErrorCode.ExecutionFailed, "The database cannot be opened.", false, "cannot_open"),
        raw.SQLITE_NOTADB or raw.SQLITE_CORRUPT => Failed(ErrorCode.ExecutionFailed, "The file is not a database, or is damaged.", false, "not_a_database"),
        _ => Failed(ErrorCode.ExecutionFailed, $"The engine failed: {Message}.", false, "engine"),
    };

    private static BlockOutcome Failed(ErrorCode code, string message, bool retryable, string reason) =>
        BlockOutcome.Failed(code, message, retryable, StepOutputs.Reason(reason));
}
