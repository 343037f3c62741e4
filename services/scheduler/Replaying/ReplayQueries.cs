using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Replaying;

/// <summary>Whose dead letters are meant; an operator's are also those of which no tenant could be read.</summary>
internal readonly record struct LetterOwner(string TenantId, bool IsOperator);

/// <summary>A replay with dead letters that still wait.</summary>
internal sealed record ActiveReplay(ReplayOrder Order, double Rate);

/// <summary>What is to be written of a request to replay.</summary>
internal sealed record NewReplay(string TenantId, long At, string? RequestedBy, string? Comment, double Rate, IReadOnlyList<long> Letters);

/// <summary>What has been written: null <paramref name="ReplayId"/> when nothing of it was left to take.</summary>
/// <param name="ReplayId">The row.</param>
/// <param name="Taken">Dead letters that wait now.</param>
/// <param name="Waiting">Other replays that wait, in all.</param>
/// <param name="WaitingOfTenant">And of the tenant.</param>
internal sealed record WrittenReplay(long? ReplayId, int Taken, int Waiting, int WaitingOfTenant);

/// <summary>The rows of replays: dead letters that are asked for, that wait, that had their turn.</summary>
internal static class ReplayQueries
{
    private const string FilterSql = $"""
        SELECT {ReplayLetter.Columns} FROM dead_letters d LEFT JOIN tasks t ON t.id = d.task_id LEFT JOIN assignments a ON a.id = t.id
        WHERE ($reason IS NULL OR d.reason = $reason) AND ($type IS NULL OR t.type = $type)
            AND d.at >= $since AND d.at <= $until
        """;

    // What is taken already is none of a filter's business; by its id it is answered.
    private const string NotTaken = " AND d.id > $after AND d.replay_state IN (0, 3) ORDER BY d.id";
    private const string ByFilterSql = FilterSql + " AND d.tenant_id = $tenant" + NotTaken;

    // The plus keeps two index ranges from being sorted together, assignments and all: the rows come in their order as they lie.
    private const string ByFilterOfOperatorSql = FilterSql + " AND (+d.tenant_id = $tenant OR +d.tenant_id IS NULL)" + NotTaken;
    private const string ByIdSql = FilterSql + " AND d.id = $id AND (d.tenant_id = $tenant OR (d.tenant_id IS NULL AND $operator))";

    private const string ActiveSql = """
        SELECT id, requested_by, comment, rate FROM replays
        WHERE id IN (SELECT replay_id FROM dead_letters WHERE replay_state = 1) ORDER BY id
        """;

    // The keys of what failed are confirmed first: written later, they would overwrite those of the replay. The index is named since
    // the one by replay looks as good to SQLite, and leads over all that had their turn.
    private const string WaitingSql = $"""
        SELECT {LedgerPages.TaskColumns}, t.event_seq, d.id FROM dead_letters d INDEXED BY dead_letters_waiting JOIN tasks t ON t.id = d.task_id JOIN assignments a ON a.id = t.id
        WHERE d.replay_state = 1 AND d.replay_id = $replay AND t.key_confirmed = 1
            AND NOT EXISTS (SELECT 1 FROM tasks s WHERE s.alias_of = t.id AND s.state >= 10 AND s.key_confirmed = 0)
        ORDER BY d.id
        """;

    private const string AliasesSql = $"SELECT {LedgerPages.TaskColumns}, t.event_seq FROM tasks t JOIN assignments a ON a.id = t.id WHERE t.alias_of = $task AND t.state = 11 ORDER BY t.id";

    private const string CountWaitingSql = """
        SELECT count(*), coalesce(sum(tenant_id = $tenant), 0) FROM replays
        WHERE id IN (SELECT replay_id FROM dead_letters WHERE replay_state = 1)
        """;

    private const string InsertSql = """
        INSERT INTO replays (tenant_id, requested_at, requested_by, comment, rate, letters) VALUES ($tenant, $at, $by, $comment, $rate, 0)
        RETURNING id
        """;

    private const string TakeSql = """
        UPDATE dead_letters SET replay_state = 1, replay_id = $replay, replay_error = NULL, replayed_at = NULL
        WHERE id = $id AND replay_state IN (0, 3)
        """;

    private const string ProgressSql = """
        SELECT r.requested_at, r.requested_by, r.comment, r.rate, r.letters, coalesce(sum(d.replay_state = 1), 0),
            coalesce(sum(d.replay_state = 2), 0), coalesce(sum(d.replay_state = 3), 0)
        FROM replays r LEFT JOIN dead_letters d ON d.replay_id = r.id WHERE r.id = $id AND r.tenant_id = $tenant GROUP BY r.id
        """;

    /// <summary>A page of a tenant's dead letters that fit and are not replayed yet, oldest first.</summary>
    public static Task<FeedPage<ReplayLetter>> LettersAsync(this LedgerReader ledger, LetterOwner owner, ReplayFilter filter, long after, CancellationToken ct) =>
        ledger.ReadAsync(
            connection => Bind(connection.Prepared(owner.IsOperator ? ByFilterOfOperatorSql : ByFilterSql), owner, filter).Bind("$after", after).ReadPage(ReplayLetter.Read, letter => letter.Bytes), ct);

    /// <summary>One dead letter a number; null where the tenant has none that fits.</summary>
    public static Task<IReadOnlyList<ReplayLetter?>> LettersAsync(
        this LedgerReader ledger, LetterOwner owner, ReplayFilter filter, IReadOnlyList<long> ids, CancellationToken ct) =>
        ledger.ReadAsync<IReadOnlyList<ReplayLetter?>>(
            connection =>
            {
                var command = Bind(connection.Prepared(ByIdSql), owner, filter).Bind("$operator", owner.IsOperator);
                return [.. ids.Select(id => command.Bind("$id", id).ReadPage(ReplayLetter.Read, letter => letter.Bytes).Rows.SingleOrDefault())];
            },
            ct);

    public static Task<IReadOnlyList<ActiveReplay>> ActiveReplaysAsync(this LedgerReader ledger, CancellationToken ct) => ledger.ReadAsync<IReadOnlyList<ActiveReplay>>(
        connection =>
        {
            var replays = new List<ActiveReplay>();
            using var row = connection.Prepared(ActiveSql).ExecuteReader();
            while (row.Read())
            {
                replays.Add(new ActiveReplay(new ReplayOrder(row.GetInt64(0), row.TextOrNull(1), row.TextOrNull(2)), row.GetDouble(3)));
            }

            return replays;
        },
        ct);

    /// <summary>The next of a replay, each with up to <paramref name="aliases"/> ended rows of the same step.</summary>
    public static Task<IReadOnlyList<ReplaySource>> WaitingAsync(this LedgerReader ledger, ReplayOrder order, int most, int aliases, CancellationToken ct) =>
        ledger.ReadAsync<IReadOnlyList<ReplaySource>>(
            connection =>
            {
                var page = connection.Prepared(WaitingSql).Bind("$replay", order.Id).ReadPage(
                    row => (Row: EndedOf(row), Letter: row.GetInt64(11)), each => each.Row.Task.Bytes.Length, most);
                return [.. page.Rows.Select(each => new ReplaySource
                {
                    DeadLetterId = each.Letter,
                    Order = order,
                    Row = each.Row,
                    Aliases = aliases == 0 ? [] : connection.Prepared(AliasesSql).Bind("$task", each.Row.Task.Id).ReadPage(EndedOf, row => row.Task.Bytes.Length, aliases).Rows,
                })];
            },
            ct);

    /// <summary>Takes dead letters for a replay, all in one transaction; those that another request took in the meantime are left to it.</summary>
    public static Task<WrittenReplay> TakeAsync(this LedgerStore ledger, NewReplay replay, int maxWaiting, int maxWaitingOfTenant, CancellationToken ct) =>
        ledger.RunAsync((connection, transaction) => Take(connection, transaction, replay, maxWaiting, maxWaitingOfTenant), ct);

    /// <summary>Its turn came and it could not run: it waits no longer, and may be asked for again.</summary>
    public static Task RefuseAsync(this LedgerStore ledger, long letter, long at, string why, CancellationToken ct) => ledger.RunAsync(
        (connection, transaction) => connection.Prepared("UPDATE dead_letters SET replay_state = 3, replayed_at = $at, replay_error = $why WHERE id = $id AND replay_state = 1", transaction)
            .Bind("$at", at).Bind("$why", why).Bind("$id", letter).ExecuteNonQuery(),
        ct);

    public static Task<ReplayProgress?> ReplayProgressAsync(this LedgerReader ledger, string tenantId, long id, CancellationToken ct) => ledger.ReadAsync(
        connection =>
        {
            using var row = connection.Prepared(ProgressSql).Bind("$id", id).Bind("$tenant", tenantId).ExecuteReader();
            return !row.Read() ? null : new ReplayProgress
            {
                ReplayId = RowNames.Replay(id),
                TenantId = tenantId,
                RequestedAt = row.GetInt64(0),
                RequestedBy = row.TextOrNull(1),
                Comment = row.TextOrNull(2),
                Rate = row.GetDouble(3),
                Total = row.GetInt32(4),
                Waiting = row.GetInt32(5),
                Replayed = row.GetInt32(6),
                Refused = row.GetInt32(7),
            };
        },
        ct);

    private static WrittenReplay Take(SqliteConnection connection, SqliteTransaction transaction, NewReplay replay, int maxWaiting, int maxWaitingOfTenant)
    {
        var (waiting, ofTenant) = CountWaiting(connection, transaction, replay.TenantId);
        if (waiting >= maxWaiting || ofTenant >= maxWaitingOfTenant)
        {
            return new WrittenReplay(null, 0, waiting, ofTenant);
        }

        var id = (long)connection.Prepared(InsertSql, transaction).Bind("$tenant", replay.TenantId).Bind("$at", replay.At)
            .Bind("$by", replay.RequestedBy).Bind("$comment", replay.Comment).Bind("$rate", replay.Rate).ExecuteScalar()!;
        var take = connection.Prepared(TakeSql, transaction).Bind("$replay", id);
        var taken = replay.Letters.Sum(letter => take.Bind("$id", letter).ExecuteNonQuery());
        if (taken == 0)
        {
            connection.Prepared("DELETE FROM replays WHERE id = $id", transaction).Bind("$id", id).ExecuteNonQuery();
            return new WrittenReplay(null, 0, waiting, ofTenant);
        }

        connection.Prepared("UPDATE replays SET letters = $taken WHERE id = $id", transaction).Bind("$taken", taken).Bind("$id", id).ExecuteNonQuery();
        return new WrittenReplay(id, taken, waiting, ofTenant);
    }

    private static (int All, int OfTenant) CountWaiting(SqliteConnection connection, SqliteTransaction transaction, string tenantId)
    {
        using var row = connection.Prepared(CountWaitingSql, transaction).Bind("$tenant", tenantId).ExecuteReader();
        row.Read();
        return (row.GetInt32(0), row.GetInt32(1));
    }

    private static EndedRow EndedOf(SqliteDataReader row) => new(LedgerRestoring.InfoOf(row), row.GetInt64(10));

    private static SqliteCommand Bind(SqliteCommand command, LetterOwner owner, ReplayFilter filter) => command
        .Bind("$tenant", owner.TenantId).Bind("$reason", filter.Reason).Bind("$type", filter.BlockType)
        .Bind("$since", filter.Since ?? long.MinValue).Bind("$until", filter.Until ?? long.MaxValue);
}
