using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Identity;

internal static class DueKeyQueries
{
    // In the words of the partial index, so that it is used.
    private const string Sql = $"""
        SELECT id, tenant_id, assignment_id, identity, body_hash, state, r.body, alias_of, replay, {LedgerRestoring.AssignmentOfReplay} FROM tasks JOIN results r USING (id)
        WHERE key_confirmed = 0 AND state >= 10 AND id > $after ORDER BY id
        """;

    /// <summary>Ended tasks whose keys are not confirmed.</summary>
    public static Task<FeedPage<DueKey>> KeysDueAfterAsync(this LedgerReader ledger, long after, CancellationToken ct) => ledger.ReadAsync(
        connection => connection.Prepared(Sql).Bind("$after", after).ReadPage(Read, key => key.Bytes), ct);

    private static DueKey Read(SqliteDataReader row) => new()
    {
        Id = row.GetInt64(0),
        TenantId = row.GetString(1),
        AssignmentId = row.GetString(2),
        Identity = row.IdentityOf(3, row.GetString(1), row.GetString(2), row.GetInt32(8)),
        FirstIdentity = LedgerRestoring.FirstIdentityOf(row, 9),
        BodyHash = row.GetFieldValue<byte[]>(4),
        Status = ((TaskPhase)row.GetInt32(5)).WireName(),
        Result = new RawJson(row.BytesOrNull(6)),
        IsAlias = !row.IsDBNull(7),
    };
}
