using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Events;

/// <summary>The publisher's side of the events table.</summary>
internal static class EventQueries
{
    private const string Sql = $"""
        SELECT {LedgerPages.TaskColumns}, e.seq, e.tenant_id, e.sequence, e.type, e.at, e.data
        FROM events e JOIN tasks t ON t.id = e.task_id JOIN assignments a ON a.id = t.id WHERE e.seq > $after ORDER BY e.seq
        """;

    public static Task<FeedPage<EventRow>> EventsAfterAsync(this LedgerReader ledger, long after, CancellationToken ct) => ledger.ReadAsync(
        connection =>
        {
            // A task has several events in a row: its assignment is read once.
            var tasks = new Dictionary<long, TaskInfo>();
            return connection.Prepared(Sql).Bind("$after", after).ReadPage(row => Read(row, tasks), each => 256 + (each.Data?.Length ?? 0));
        },
        ct);

    public static Task<long> EventCursorAsync(this LedgerReader ledger, CancellationToken ct) => ledger.ReadAsync(
        connection => LedgerSchema.Scalar(connection, "SELECT value FROM meta WHERE name = 'events_published'"), ct);

    public static Task SaveEventCursorAsync(this LedgerStore ledger, long cursor, CancellationToken ct) => ledger.RunAsync(
        (connection, transaction) =>
            connection.Prepared("UPDATE meta SET value = $cursor WHERE name = 'events_published'", transaction).Bind("$cursor", cursor).ExecuteNonQuery(),
        ct);

    private static EventRow Read(SqliteDataReader row, Dictionary<long, TaskInfo> tasks)
    {
        var id = row.GetInt64(0);
        if (!tasks.TryGetValue(id, out var task))
        {
            tasks.Add(id, task = LedgerRestoring.InfoOf(row));
        }

        return new EventRow
        {
            Seq = row.GetInt64(10),
            TaskId = id,
            Task = task,
            TenantId = row.GetString(11),
            Sequence = row.GetInt64(12),
            Type = row.GetString(13),
            At = row.GetInt64(14),
            Data = row.BytesOrNull(15) is { } data ? new RawJson(data) : null,
        };
    }
}
