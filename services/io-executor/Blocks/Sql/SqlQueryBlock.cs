using System.ComponentModel;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;
using Beamline.IoExecutor.Blocks.Files;
using Beamline.Sqlite;
using Microsoft.Extensions.Options;
using SQLitePCL;

namespace Beamline.IoExecutor.Blocks.Sql;

/// <summary>
/// <c>sql.query</c>: one statement on one of the tenant's SQLite databases.
/// <para>Inputs: <c>connection_string</c> (<c>sqlite://db.sqlite</c>, below the tenant's root) or <c>connection</c> (a name from Sql:Connections),
/// <c>query</c>, <c>parameters</c> (list by position, object by name; see <see cref="SqlParameters"/>), <c>max_rows</c>.</para>
/// <para>Result: <c>rows</c> (objects; see <see cref="SqlRows"/>), <c>row_count</c> (rows returned; for a statement that returns none, rows changed),
/// <c>columns</c>, <c>truncated</c>.</para>
/// <para>Reading only, unless the step has the scope <c>sql:write</c>: then it may change rows and schema, and a missing file is made.</para>
/// <para>Errors: 2003 what is not allowed (see <see cref="SqlAuthorizer"/>) and paths; 1001 a query that does not compile, more than one statement,
/// parameters; 2001 constraints, <c>not_found</c>, damaged files; 2002 locked or full.</para>
/// </summary>
internal sealed class SqlQueryBlock : IBlockExecutor, IDisposable
{
    public const string WriteScope = "sql:write";

    // Room for columns, counts and the names around the rows.
    private const int EnvelopeBytes = 1024;

    private readonly SqlBlockOptions _options;
    private readonly TenantFolders _folders;
    private readonly BlockingThreads _threads;

    public SqlQueryBlock(IOptions<SqlBlockOptions> options, IOptions<FileBlockOptions> files)
    {
        _options = options.Value;
        _folders = new TenantFolders(_options.Root.Length > 0 ? _options.Root : files.Value.Root);
        _threads = new BlockingThreads("sql", _options.Threads, _options.QueueCapacity);
    }

    public string Type => "sql.query";

    public string Version => "1";

    public ValueTask InitAsync(CancellationToken cancellation)
    {
        SqliteEngine.Load();
        return ValueTask.CompletedTask;
    }

    public async ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation)
    {
        if (FileWork.Unsupported is { } unsupported)
        {
            return unsupported;
        }

        var inputs = request.Inputs;
        var query = inputs.RequiredString("query");
        var (path, refusal) = SqlSource.Read(inputs, _options, context.TenantId);
        var maxRows = (int)Math.Min(inputs.OptionalInteger("max_rows", 0, int.MaxValue) ?? _options.MaxRows, _options.MaxRows);
        if ((inputs.Invalid ?? DryRuns.Refusal(request)) is { } invalid)
        {
            return invalid;
        }

        if (path is null)
        {
            return refusal!;
        }

        using var limit = new CancellationTokenSource(_options.MaxQueryTime, context.Clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            var running = _threads.TryRun(
                token => Run(path, query, inputs, context, maxRows, request.MaxOutputBytes - EnvelopeBytes, token), stop.Token);
            return running is null
                ? BlockOutcome.Failed(ErrorCode.ResourceUnavailable, "Every thread for queries is taken and the queue is full.", details: StepOutputs.Reason("sql_busy"))
                : await running.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return BlockOutcome.Failed(ErrorCode.ExecutionFailed, "The query took longer than Sql:MaxQueryTime.", retryable: false, StepOutputs.Reason("query_too_long"));
        }
        catch (Exception failure) when (FileWork.Outcome(failure) is { } outcome)
        {
            return outcome;
        }
    }

    public void Dispose() => _threads.Dispose();

    private BlockOutcome Run(TenantPath path, string query, StepInputs inputs, BlockContext context, int maxRows, int maxBytes, CancellationToken cancellation)
    {
        var write = context.HasScope(WriteScope);
        using var tenant = _folders.Open(context.TenantId);
        try
        {
            using var session = SqliteSession.Open(Locate(tenant, path, write), write, _options, cancellation);
            return Execute(session, query, inputs, maxRows, maxBytes, cancellation);
        }
        catch (SqliteFailure failure)
        {
            if (failure.Interrupted)
            {
                cancellation.ThrowIfCancellationRequested();
            }

            return failure.Outcome();
        }
    }

    // The engine opens by path and refuses links on it, so the folder's own path is given with its links resolved.
    private static string Locate(Microsoft.Win32.SafeHandles.SafeFileHandle tenant, TenantPath path, bool write)
    {
        try
        {
            FileStore.OpenRegular(tenant, path, out _).Dispose();
        }
        catch (Win32Exception missing) when (write && missing.NativeErrorCode == Linux.NotFound)
        {
            TenantFolders.OpenParent(tenant, path).Dispose();
        }

        return Path.Combine(TenantFolders.PathOf(tenant), path.Relative);
    }

    private static BlockOutcome Execute(SqliteSession session, string query, StepInputs inputs, int maxRows, int maxBytes, CancellationToken cancellation)
    {
        using var statement = session.Prepare(query, out var single);
        if (SqliteSession.IsEmpty(statement) || !single || query.Contains('\0', StringComparison.Ordinal))
        {
            inputs.AddFault(ErrorCode.InvalidInput, "query", $"{inputs.PathOf("query")} must hold exactly one statement.");
            return inputs.Invalid!;
        }

        SqlParameters.Bind(statement, inputs);
        if (inputs.Invalid is { } invalid)
        {
            return invalid;
        }

        using var rows = new SqlRows(statement, maxRows, maxBytes);
        var reads = raw.sqlite3_stmt_readonly(statement) != 0;
        int code;
        while ((code = raw.sqlite3_step(statement)) == raw.SQLITE_ROW)
        {
            cancellation.ThrowIfCancellationRequested();

            // A statement that writes is run to its end even when there is no more room: stopping would leave its outcome open.
            if (!rows.Truncated && !rows.TryAdd() && reads)
            {
                break;
            }
        }

        if (code is not (raw.SQLITE_DONE or raw.SQLITE_ROW))
        {
            throw SqliteFailure.Of(code, session.Database);
        }

        rows.Complete();
        return Result(rows, rows.Columns.Count > 0 ? rows.Count : raw.sqlite3_changes(session.Database));
    }

    private static BlockOutcome Result(SqlRows rows, int count) => BlockOutcome.Ok(StepOutputs.Write((rows, count), static (json, state) =>
    {
        json.WritePropertyName("rows");
        json.WriteRawValue(state.rows.Json.Span, skipInputValidation: true);
        json.WriteNumber("row_count", state.count);
        json.WriteStartArray("columns");
        foreach (var column in state.rows.Columns)
        {
            json.WriteStringValue(column);
        }

        json.WriteEndArray();
        json.WriteBoolean("truncated", state.rows.Truncated);
    }));
}
