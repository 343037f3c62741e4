using Beamline.Contracts.Json;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Reading;

/// <summary>A listed dead letter, and the row that it stands in.</summary>
internal sealed record ListedDeadLetter(long Id, RawJson Message);

internal static class DeadLetterQueries
{
    private const string Sql = $"""
        SELECT {LedgerPages.TaskColumns}, r.body, d.id, d.reason, d.delivery, d.replay, d.at, d.raw, d.tenant_id, d.assignment_id
        FROM dead_letters d LEFT JOIN tasks t ON t.id = d.task_id LEFT JOIN assignments a ON a.id = t.id
            LEFT JOIN results r ON r.id = t.id WHERE d.tenant_id = $tenant AND d.id < $before ORDER BY d.id DESC
        """;

    /// <summary>A tenant's dead letters, newest first, in the form that goes to the bus: redacted.</summary>
    public static Task<FeedPage<ListedDeadLetter>> DeadLettersAsync(this LedgerReader ledger, string tenantId, long before, int limit, CancellationToken ct) =>
        ledger.ReadAsync(
            connection => connection.Prepared(Sql).Bind("$tenant", tenantId).Bind("$before", before).ReadPage(Read, letter => letter.Message.Length, limit),
            ct);

    private static ListedDeadLetter Read(SqliteDataReader row)
    {
        var letter = new DeadLetterRow
        {
            Id = row.GetInt64(11),
            TaskId = row.NumberOrNull(0),
            Reason = row.GetString(12),
            Delivery = row.GetInt32(13),
            Replay = row.GetInt32(14),
            At = row.GetInt64(15),
            Raw = row.BytesOrNull(16),
            TenantId = row.TextOrNull(17),
            AssignmentId = row.TextOrNull(18),
        };
        RawJson? result = row.BytesOrNull(10) is { } bytes ? new RawJson(bytes) : null;
        var message = OutboxMessages.Of(letter, row.IsDBNull(0) ? null : LedgerRestoring.InfoOf(row), result);
        return new ListedDeadLetter(letter.Id, new RawJson(OutboxMessages.Write(message)));
    }
}
