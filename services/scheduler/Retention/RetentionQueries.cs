using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;

namespace Beamline.Scheduler.Retention;

/// <summary>How full the ledger is.</summary>
internal sealed record LedgerSize(long Tasks, long Bytes, long DeadLetters, long DeadLetterBytes);

internal static class RetentionQueries
{
    // What the bus is still owed and what waits to be replayed stays; a raw message counts by its length, which SQLite knows without reading it.
    private const string DeleteDeadLettersSql = """
        DELETE FROM dead_letters WHERE id IN (
            SELECT id FROM dead_letters WHERE (at < $before OR id IN (SELECT id FROM dead_letters ORDER BY id LIMIT $surplus))
                AND id NOT IN (SELECT dead_letter_id FROM outbox WHERE dead_letter_id IS NOT NULL) AND replay_state <> 1
            ORDER BY id LIMIT $limit)
        """;

    private const string DeleteReplaysSql = "DELETE FROM replays WHERE NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.replay_id = replays.id)";

    public static Task<LedgerSize> SizeAsync(this LedgerReader ledger, CancellationToken ct) => ledger.ReadAsync(
        connection =>
        {
            var pages = LedgerSchema.Scalar(connection, "PRAGMA page_count") - LedgerSchema.Scalar(connection, "PRAGMA freelist_count");
            return new LedgerSize(
                LedgerSchema.Scalar(connection, "SELECT count(*) FROM tasks"),
                pages * LedgerSchema.Scalar(connection, "PRAGMA page_size"),
                LedgerSchema.Scalar(connection, "SELECT count(*) FROM dead_letters"),
                LedgerSchema.Scalar(connection, "SELECT coalesce(sum(length(raw)), 0) FROM dead_letters"));
        },
        ct);

    /// <summary>Deletes dead letters from before a time, and the oldest <paramref name="surplus"/> whatever their age. Replays go with the last dead letter that they tell of. Returns how many dead letters.</summary>
    public static Task<int> PurgeDeadLettersAsync(this LedgerStore ledger, DateTimeOffset before, long surplus, int limit, CancellationToken ct) => ledger.RunAsync(
        (connection, transaction) =>
        {
            var deleted = connection.Prepared(DeleteDeadLettersSql, transaction)
                .Bind("$before", before.ToUnixTimeMilliseconds()).Bind("$surplus", surplus).Bind("$limit", limit).ExecuteNonQuery();
            connection.Prepared(DeleteReplaysSql, transaction).ExecuteNonQuery();
            return deleted;
        },
        ct);
}
