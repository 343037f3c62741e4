using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
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
        SELECT {LedgerPages.TaskColumns}, o.body, d.id, d.reason, d.delivery, d.replay, d.at, d.raw, d.tenant_id, d.assignment_id,
            d.replay_state, d.replay_id, d.replayed_at, d.replay_error, r.requested_at, r.requested_by, r.comment, n.replay, n.state
        FROM dead_letters d LEFT JOIN tasks t ON t.id = d.task_id LEFT JOIN assignments a ON a.id = t.id LEFT JOIN results o ON o.id = t.id
            LEFT JOIN replays r ON r.id = d.replay_id LEFT JOIN tasks n ON n.id = d.replayed_as

        """;

    private const string ListSql = Sql + "WHERE d.tenant_id = $tenant AND d.id < $before ORDER BY d.id DESC";

    // The plus keeps two index ranges from being sorted together, assignments and all: the rows come in their order as they lie.
    private const string OperatorListSql = Sql + "WHERE (+d.tenant_id = $tenant OR +d.tenant_id IS NULL) AND d.id < $before ORDER BY d.id DESC";
    private const string OneSql = Sql + "WHERE d.id = $id AND (d.tenant_id = $tenant OR (d.tenant_id IS NULL AND $operator))";

    /// <summary>A tenant's dead letters (an operator's: and those of no tenant), newest first, in the form that goes to the bus (redacted, and cut where they are large) and with their replays.</summary>
    public static Task<FeedPage<ListedDeadLetter>> DeadLettersAsync(
        this LedgerReader ledger, string tenantId, bool isOperator, long before, int limit, CancellationToken ct) =>
        ledger.ReadAsync(
            connection => connection.Prepared(isOperator ? OperatorListSql : ListSql).Bind("$tenant", tenantId).Bind("$before", before)
                .ReadPage(row => Read(row, OutboxMessages.MaxDeadLetterPart), letter => letter.Message.Length, limit),
            ct);

    /// <summary>One of a tenant's dead letters, redacted and whole; null when it has no such.</summary>
    public static Task<RawJson?> DeadLetterAsync(this LedgerReader ledger, string tenantId, bool isOperator, long id, CancellationToken ct) => ledger.ReadAsync(
        connection =>
        {
            using var row = connection.Prepared(OneSql).Bind("$tenant", tenantId).Bind("$operator", isOperator).Bind("$id", id).ExecuteReader();
            return row.Read() ? Read(row, int.MaxValue).Message : (RawJson?)null;
        },
        ct);

    private static ListedDeadLetter Read(SqliteDataReader row, int maxPart)
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
        var message = OutboxMessages.Of(letter, row.IsDBNull(0) ? null : LedgerRestoring.InfoOf(row), result, maxPart) with { Replayed = ReplayOf(row) };
        return new ListedDeadLetter(letter.Id, new RawJson(OutboxMessages.Write(message)));
    }

    private static DeadLetterReplay? ReplayOf(SqliteDataReader row) => row.NumberOrNull(20) is not { } replay ? null : new DeadLetterReplay
    {
        ReplayId = RowNames.Replay(replay),
        State = row.GetInt32(19) switch
        {
            1 => DeadLetterReplayStates.Waiting,
            2 => DeadLetterReplayStates.Replayed,
            _ => DeadLetterReplayStates.Refused,
        },
        ReplayedAt = row.NumberOrNull(21),
        Error = row.TextOrNull(22),
        RequestedAt = row.NumberOrNull(23) ?? 0,
        RequestedBy = row.TextOrNull(24),
        Comment = row.TextOrNull(25),
        Replay = (int?)row.NumberOrNull(26),
        TaskState = row.NumberOrNull(27) is { } state ? ((TaskPhase)state).WireName() : null,
    };
}
