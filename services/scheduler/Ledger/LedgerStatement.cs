using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Beamline.Scheduler.Ledger;

/// <summary>
/// A prepared statement with its values bound by position, straight on the engine: the hot path runs ten of these a task, and
/// boxed parameters cost more than the inserts themselves. Belongs to the writer's thread.
/// </summary>
internal sealed class LedgerStatement : IDisposable
{
    private readonly sqlite3 _db;
    private readonly sqlite3_stmt _statement;
    private int _next = 1;

    public LedgerStatement(SqliteConnection connection, string sql)
    {
        _db = connection.Handle!;
        Check(raw.sqlite3_prepare_v3(_db, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
    }

    public LedgerStatement Add(long value)
    {
        Check(raw.sqlite3_bind_int64(_statement, _next++, value));
        return this;
    }

    public LedgerStatement Add(long? value) => value is { } number ? Add(number) : AddNull();

    public LedgerStatement Add(bool value) => Add(value ? 1L : 0L);

    public LedgerStatement Add(string? value)
    {
        if (value is null)
        {
            return AddNull();
        }

        Check(raw.sqlite3_bind_text(_statement, _next++, value));
        return this;
    }

    public LedgerStatement Add(ReadOnlySpan<byte> value)
    {
        Check(raw.sqlite3_bind_blob(_statement, _next++, value));
        return this;
    }

    public LedgerStatement AddNull()
    {
        Check(raw.sqlite3_bind_null(_statement, _next++));
        return this;
    }

    /// <summary>Runs with what was added, and is ready for the next round.</summary>
    public void Run()
    {
        _next = 1;
        var code = raw.sqlite3_step(_statement);
        // Reset reports the step's failure again; it must run in any case, or the statement keeps the transaction open.
        var reset = raw.sqlite3_reset(_statement);
        Check(code == raw.SQLITE_DONE ? reset : code);
    }

    public void Dispose() => _statement.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            _next = 1;
            SqliteException.ThrowExceptionForRC(code, _db);
        }
    }
}
