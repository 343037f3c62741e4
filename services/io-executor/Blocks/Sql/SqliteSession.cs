using System.Globalization;
using SQLitePCL;

namespace Beamline.IoExecutor.Blocks.Sql;

/// <summary>
/// One connection for one query, fenced in: the authorizer, the engine's own defences, its limits. It is used by one thread; only
/// the interruption comes from others.
/// </summary>
internal sealed class SqliteSession : IDisposable
{
    private const int OpenNoFollow = 0x01000000;
    private const int ConfigFts3Tokenizer = 1004;
    private const int ConfigLoadExtension = 1005;
    private const int ConfigDefensive = 1010;
    private const int ConfigTrustedSchema = 1017;

    // How many of the engine's steps pass between looks at the token: well under a millisecond.
    private const int StepsBetweenLooks = 10_000;

    // sqlite3_limit: length, SQL text, columns, expression depth, compound selects, program size, function arguments,
    // attached databases, LIKE patterns, variables, trigger depth, helper threads.
    private static readonly int[] Limits = [0, 100_000, 1_000, 200, 50, 100_000, 64, 0, 1_000, 1_000, 10, 0];

    private readonly CancellationToken _cancellation;
    private readonly CancellationTokenRegistration _interruption;

    private SqliteSession(sqlite3 database, CancellationToken cancellation)
    {
        Database = database;
        _cancellation = cancellation;

        // The interruption alone is not enough: the engine forgets one that comes before its statement has begun.
        raw.sqlite3_progress_handler(database, StepsBetweenLooks, _ => cancellation.IsCancellationRequested ? 1 : 0, null);
        _interruption = cancellation.Register(static state => raw.sqlite3_interrupt((sqlite3)state!), database);
    }

    public sqlite3 Database { get; }

    /// <summary>Opens the file, for writing also a missing one. The path must be without links: the engine refuses any.</summary>
    /// <exception cref="SqliteFailure">It cannot be opened.</exception>
    public static SqliteSession Open(string path, bool write, SqlBlockOptions options, CancellationToken cancellation)
    {
        var flags = (write ? raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE : raw.SQLITE_OPEN_READONLY) | raw.SQLITE_OPEN_NOMUTEX | OpenNoFollow;
        var code = raw.sqlite3_open_v2(path, out var database, flags, null);
        if (code != raw.SQLITE_OK)
        {
            database?.Dispose();
            throw SqliteFailure.Of(code, null);
        }

        var session = new SqliteSession(database, cancellation);
        try
        {
            session.FenceIn(write, options);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Compiles the one statement of the text.</summary>
    /// <exception cref="SqliteFailure">It does not compile or is not allowed.</exception>
    public sqlite3_stmt Prepare(string query, out bool single)
    {
        SqliteFailure.Check(raw.sqlite3_prepare_v2(Database, query, out var statement, out var rest), Database);
        single = IsBlank(rest);
        return statement;
    }

    public void Dispose()
    {
        // First, and waiting for one that runs: an interruption must not reach a closed connection.
        _interruption.Dispose();
        raw.sqlite3_progress_handler(Database, 0, null, null);
        Database.Dispose();
    }

    private void FenceIn(bool write, SqlBlockOptions options)
    {
        for (var limit = 1; limit < Limits.Length; limit++)
        {
            raw.sqlite3_limit(Database, limit, Limits[limit]);
        }

        raw.sqlite3_limit(Database, 0, options.MaxValueBytes);
        Configure(ConfigLoadExtension, 0);
        Configure(ConfigFts3Tokenizer, 0);
        Configure(ConfigDefensive, 1);
        Configure(ConfigTrustedSchema, 0);
        raw.sqlite3_busy_timeout(Database, (int)options.BusyTimeout.TotalMilliseconds);

        // Sorts and joins that outgrow 8 MiB go to files, not to memory; every page read is checked, as the file is the tenant's.
        Execute("PRAGMA temp_store=FILE; PRAGMA cache_size=-8192; PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON");
        if (write)
        {
            var pageBytes = Math.Max(512, ReadPageSize());
            Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA max_page_count={Math.Max(1, options.MaxDatabaseBytes / pageBytes)}"));
        }

        SqlAuthorizer.Install(Database, write);
    }

    private void Configure(int option, int value) => SqliteFailure.Check(raw.sqlite3_db_config(Database, option, value, out _), Database);

    private long ReadPageSize()
    {
        SqliteFailure.Check(raw.sqlite3_prepare_v2(Database, "PRAGMA page_size", out var statement), Database);
        using (statement)
        {
            return raw.sqlite3_step(statement) == raw.SQLITE_ROW ? raw.sqlite3_column_int64(statement, 0) : 4096;
        }
    }

    private void Execute(string sql)
    {
        var code = raw.sqlite3_exec(Database, sql);
        if (code != raw.SQLITE_OK)
        {
            _cancellation.ThrowIfCancellationRequested();
            throw SqliteFailure.Of(code, Database);
        }
    }

    // What follows the statement may be blanks, semicolons and comments. The engine's own tokenizer decides: it compiles to nothing.
    private bool IsBlank(string rest)
    {
        while (rest.AsSpan().Trim().Length > 0)
        {
            if (raw.sqlite3_prepare_v2(Database, rest, out var second, out var more) != raw.SQLITE_OK || !IsEmpty(second))
            {
                second?.Dispose();
                return false;
            }

            if (more.Length >= rest.Length)
            {
                return false;
            }

            rest = more;
        }

        return true;
    }

    public static bool IsEmpty(sqlite3_stmt? statement) => statement is null || statement.IsInvalid;
}
