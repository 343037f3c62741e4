using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Outbox;

/// <summary>Reads outbox rows back, each with its finished message.</summary>
internal static class OutboxQueries
{
    // An ack needs the assignment, a result only its own bytes, a dead letter both: what is not needed is not read.
    private const string Sql = $"""
        SELECT {LedgerPages.TaskColumns}, o.id, o.number, o.at, o.data, CASE WHEN o.kind = 1 THEN NULL ELSE r.body END,
            d.id, d.reason, d.delivery, d.replay, d.at, d.raw, d.tenant_id, d.assignment_id
        FROM outbox o LEFT JOIN tasks t ON t.id = o.task_id LEFT JOIN assignments a ON a.id = t.id
            LEFT JOIN results r ON r.id = t.id LEFT JOIN dead_letters d ON d.id = o.dead_letter_id
        WHERE o.id > $after AND o.kind = $kind ORDER BY o.id
        """;

    public static Task<FeedPage<OutboxRow>> OutboxAfterAsync(this LedgerReader ledger, OutboxKind kind, long after, CancellationToken ct) => ledger.ReadAsync(
        connection => connection.Prepared(Sql).Bind("$after", after).Bind("$kind", (int)kind).ReadPage(row => Read(row, kind), OutboxMessages.Estimate),
        ct);

    private static OutboxRow Read(SqliteDataReader row, OutboxKind kind)
    {
        var plain = new OutboxRow { Id = row.GetInt64(10), Kind = kind, TaskId = row.NumberOrNull(0), Number = row.GetInt64(11), At = row.GetInt64(12) };
        return plain with { Data = Message(row, plain) };
    }

    /// <summary>Null when what the message was to be made from is gone: the row can then only be taken out.</summary>
    private static RawJson? Message(SqliteDataReader row, OutboxRow outbox)
    {
        if (row.BytesOrNull(13) is { } data)
        {
            return new RawJson(data);
        }

        RawJson? result = row.BytesOrNull(14) is { } bytes ? new RawJson(bytes) : null;
        return outbox.Kind switch
        {
            OutboxKind.Result => result,
            OutboxKind.Ack when outbox.TaskId is not null => Acks.Accepted(LedgerRestoring.InfoOf(row), outbox.At, outbox.Number),
            OutboxKind.DeadLetter when !row.IsDBNull(15) => new RawJson(OutboxMessages.Write(
                OutboxMessages.Of(LetterOf(row), outbox.TaskId is null ? null : LedgerRestoring.InfoOf(row), result))),
            _ => null,
        };
    }

    private static DeadLetterRow LetterOf(SqliteDataReader row) => new()
    {
        Id = row.GetInt64(15),
        TaskId = row.NumberOrNull(0),
        Reason = row.GetString(16),
        Delivery = row.GetInt32(17),
        Replay = row.GetInt32(18),
        At = row.GetInt64(19),
        Raw = row.BytesOrNull(20),
        TenantId = row.TextOrNull(21),
        AssignmentId = row.TextOrNull(22),
    };
}
