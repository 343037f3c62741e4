using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Beamline.Sqlite;

/// <summary>
/// A prepared statement with its values bound by position, straight on the engine: the hot path runs ten of these a task, and
/// boxed parameters cost more than the inserts themselves. Belongs to the connection's thread, and must be disposed before the
/// connection: an open one keeps the file open.
/// </summary>
public sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _db;
    private readonly sqlite3_stmt _statement;
    private int _next = 1;

    public SqliteStatement(SqliteConnection connection, string sql)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _db = connection.Handle!;
        Check(raw.sqlite3_prepare_v3(_db, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
    }

    public SqliteStatement Add(long value)
    {
        Check(raw.sqlite3_bind_int64(_statement, _next++, value));
        return this;
    }

    public SqliteStatement Add(long? value) => value is { } number ? Add(number) : AddNull();

    public SqliteStatement Add(bool value) => Add(value ? 1L : 0L);

    public SqliteStatement Add(string? value)
    {
        if (value is null)
        {
            return AddNull();
        }

        Check(raw.sqlite3_bind_text(_statement, _next++, value));
        return this;
    }

    public SqliteStatement Add(ReadOnlySpan<byte> value)
    {
        Check(raw.sqlite3_bind_blob(_statement, _next++, value));
        return this;
    }

    public SqliteStatement AddNull()
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

    /// <summary>Moves to the first or next row of a query; false behind the last. <see cref="Reset"/> must follow in any case.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(_statement);
        if (code == raw.SQLITE_ROW)
        {
            return true;
        }

        Check(code == raw.SQLITE_DONE ? raw.SQLITE_OK : code);
        return false;
    }

    /// <summary>Makes a query ready for its next use. A failure that the step has reported is not reported again.</summary>
    public void Reset()
    {
        _next = 1;
        _ = raw.sqlite3_reset(_statement);
    }

    public byte[] Bytes(int column) => raw.sqlite3_column_blob(_statement, column).ToArray();

    public string Text(int column) => raw.sqlite3_column_text(_statement, column).utf8_to_string();

    public long? Number(int column) =>
        raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL ? null : raw.sqlite3_column_int64(_statement, column);

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
