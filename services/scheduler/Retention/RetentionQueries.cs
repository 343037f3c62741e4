using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;

namespace Beamline.Scheduler.Retention;

/// <summary>How full the ledger is.</summary>
internal sealed record LedgerSize(long Tasks, long Bytes, long DeadLetters, long DeadLetterBytes);

internal static class RetentionQueries
{
    // What the bus is still owed stays; a raw message counts by its length, which SQLite knows without reading it.
    private const string DeleteDeadLettersSql = """
        DELETE FROM dead_letters WHERE id IN (
            SELECT id FROM dead_letters WHERE (at < $before OR id IN (SELECT id FROM dead_letters ORDER BY id LIMIT $surplus))
                AND id NOT IN (SELECT dead_letter_id FROM outbox WHERE dead_letter_id IS NOT NULL)
            ORDER BY id LIMIT $limit)
        """;

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

    /// <summary>Deletes dead letters from before a time, and the oldest <paramref name="surplus"/> whatever their age. Returns how many.</summary>
    public static Task<int> PurgeDeadLettersAsync(this LedgerStore ledger, DateTimeOffset before, long surplus, int limit, CancellationToken ct) => ledger.RunAsync(
        (connection, transaction) => connection.Prepared(DeleteDeadLettersSql, transaction)
            .Bind("$before", before.ToUnixTimeMilliseconds()).Bind("$surplus", surplus).Bind("$limit", limit).ExecuteNonQuery(),
        ct);
}
