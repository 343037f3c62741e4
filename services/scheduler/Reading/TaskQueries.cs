using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Reading;

/// <summary>A task's row as far as readers of its events need it.</summary>
internal sealed record TaskPlace(long Id, TaskPhase Phase, ExecAssignment Assignment);

/// <summary>A listed task, and the row that it stands in.</summary>
internal sealed record ListedTask(long Id, TaskView View, int Bytes);

/// <summary>What the API asks about tasks. Of several replays the last one counts.</summary>
internal static class TaskQueries
{
    private const string ViewColumns = "id, tenant_id, assignment_id, state, type, admitted_at, started_at, ended_at, delivery, retries_used, a.body, replay";

    private const string OneSql = $"SELECT {ViewColumns}, r.body FROM tasks JOIN assignments a USING (id) LEFT JOIN results r USING (id) WHERE tenant_id = $tenant AND assignment_id = $assignment ORDER BY replay DESC LIMIT 1";

    // A filter left out is NULL. The tenant's index gives the rows in the order of their ids.
    private const string ListSql = $"""
        SELECT {ViewColumns} FROM tasks JOIN assignments a USING (id) WHERE tenant_id = $tenant AND id < $before AND ($type IS NULL OR type = $type)
            AND ($state IS NULL OR state = $state) ORDER BY id DESC
        """;

    private const string EndedSql = "SELECT state, r.body FROM tasks LEFT JOIN results r USING (id) WHERE tenant_id = $tenant AND assignment_id = $assignment ORDER BY replay DESC LIMIT 1";

    private const string PlaceSql =
        "SELECT id, state, a.body FROM tasks JOIN assignments a USING (id) WHERE tenant_id = $tenant AND assignment_id = $assignment ORDER BY replay DESC LIMIT 1";

    private const string EventsSql = """
        SELECT e.seq, e.sequence, e.type, e.at, e.data, e.task_id, t.replay FROM tasks t JOIN events e ON e.task_id = t.id
        WHERE t.tenant_id = $tenant AND t.assignment_id = $assignment AND e.sequence > $after ORDER BY e.sequence
        """;

    /// <summary>Null when the tenant has no such task.</summary>
    public static Task<TaskView?> TaskAsync(this LedgerReader ledger, TaskKey key, CancellationToken ct) => ledger.ReadAsync(
        connection =>
        {
            using var row = Of(connection, OneSql, key).ExecuteReader();
            return row.Read() ? ViewOf(row, out _) with { Result = row.BytesOrNull(12) is { } result ? new RawJson(result) : null } : null;
        },
        ct);

    /// <summary>Newest first, without results.</summary>
    public static Task<FeedPage<ListedTask>> TasksAsync(
        this LedgerReader ledger, string tenantId, TaskPhase? state, string? type, long before, int limit, CancellationToken ct) => ledger.ReadAsync(
        connection => connection.Prepared(ListSql).Bind("$tenant", tenantId).Bind("$before", before).Bind("$type", type).Bind("$state", (int?)state)
            .ReadPage(row => new ListedTask(row.GetInt64(0), ViewOf(row, out var bytes), bytes), task => task.Bytes, limit),
        ct);

    /// <summary>For each key: null when it is not known, an empty result while it is open, else its ExecResult's bytes.</summary>
    public static Task<IReadOnlyList<RawJson?>> ResultsAsync(this LedgerReader ledger, IReadOnlyList<TaskKey> keys, CancellationToken ct) =>
        ledger.ReadAsync<IReadOnlyList<RawJson?>>(connection => [.. keys.Select(key => ResultOf(connection, key))], ct);

    public static Task<TaskPlace?> PlaceAsync(this LedgerReader ledger, TaskKey key, CancellationToken ct) => ledger.ReadAsync(
        connection =>
        {
            using var row = Of(connection, PlaceSql, key).ExecuteReader();
            return row.Read()
                ? new TaskPlace(row.GetInt64(0), (TaskPhase)row.GetInt32(1), AssignmentReader.ReadTrusted(new RawJson(row.BytesOrNull(2))))
                : null;
        },
        ct);

    /// <summary>An assignment's events after a sequence number, those of its replays included, each with its row's ordinal.</summary>
    public static Task<FeedPage<(EventRow Row, int Replay)>> EventsAsync(this LedgerReader ledger, TaskKey key, long afterSequence, CancellationToken ct) => ledger.ReadAsync(
        connection => Of(connection, EventsSql, key).Bind("$after", afterSequence).ReadPage(
            row => (EventOf(row, key.TenantId), row.GetInt32(6)),
            each => each.Item1.Data?.Length ?? 0),
        ct);

    private static EventRow EventOf(SqliteDataReader row, string tenantId) => new()
    {
        Seq = row.GetInt64(0),
        TaskId = row.GetInt64(5),
        TenantId = tenantId,
        Sequence = row.GetInt64(1),
        Type = row.GetString(2),
        At = row.GetInt64(3),
        Data = row.BytesOrNull(4) is { } data ? new RawJson(data) : null,
    };

    private static RawJson? ResultOf(SqliteConnection connection, TaskKey key)
    {
        using var row = Of(connection, EndedSql, key).ExecuteReader();
        return !row.Read() ? null
            : ((TaskPhase)row.GetInt32(0)).IsFinal() ? new RawJson(row.BytesOrNull(1))
            : default(RawJson);
    }

    private static SqliteCommand Of(SqliteConnection connection, string sql, TaskKey key) =>
        connection.Prepared(sql).Bind("$tenant", key.TenantId).Bind("$assignment", key.AssignmentId);

    private static TaskView ViewOf(SqliteDataReader row, out int bytes)
    {
        var exact = new RawJson(row.BytesOrNull(10));
        bytes = exact.Length;
        var assignment = AssignmentReader.ReadTrusted(exact);
        return new TaskView
        {
            TenantId = row.GetString(1),
            AssignmentId = row.GetString(2),
            RequestId = assignment.RequestId,
            State = ((TaskPhase)row.GetInt32(3)).WireName(),
            Type = row.GetString(4),
            FlowId = assignment.FlowId,
            StepId = assignment.StepId,
            AdmittedAt = row.GetInt64(5),
            StartedAt = row.NumberOrNull(6),
            CompletedAt = row.NumberOrNull(7),
            Delivery = row.GetInt32(8),
            RetriesUsed = row.GetInt32(9),
            Replay = row.GetInt32(11) is > 0 and var replay ? replay : null,
        };
    }
}
