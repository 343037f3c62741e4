using Beamline.Contracts.Admission;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Tests.Engine;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Tests.Ledger;

/// <summary>A ledger that an older version wrote goes on under this one.</summary>
public sealed class MigrationTests
{
    private const int BeforeBodiesApart = 6;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_open_is_leased_and_what_had_ended_is_answered_by_the_same_bytes()
    {
        var open = EngineHarness.Item("open");
        var ended = EngineHarness.Item("ended", wait: true);
        var result = """{"result":{"digest":"ab"}}"""u8.ToArray();
        var folder = Directory.CreateTempSubdirectory("beamline-ledger-").FullName;
        await WriteOldAsync(folder, (connection, transaction) =>
        {
            Insert(connection, transaction, 1, "open", open, state: 0, null);
            Insert(connection, transaction, 2, "ended", ended, state: 10, result);
        });

        await using var harness = EngineHarness.Open(folder);
        var outcome = await harness.AdmitAsync(ended, watcher: "w");
        Assert.True(outcome.Duplicate);
        Assert.Equal(result, outcome.Result!.Value.Utf8.ToArray());

        var lease = Assert.Single((await new EngineWorker(harness.Engine).WorkAsync(1)).Leases);
        Assert.Equal(open.Assignment, lease.Assignment);
        Assert.Equal(1, await harness.Ledger.Reader.ReadAsync(connection => LedgerSchema.Scalar(connection, "SELECT count(*) FROM results"), Token));
    }

    private static async Task WriteOldAsync(string folder, Action<SqliteConnection, SqliteTransaction> write)
    {
        await using var writer = SqliteWriter.Open(new SqliteWriterOptions
        {
            Path = Path.Combine(folder, "ledger.db"),
            Initialize = connection => LedgerSchema.MigrateTo(connection, BeforeBodiesApart),
        });
        await writer.RunAsync(write, Token);
    }

    private static void Insert(
        SqliteConnection connection, SqliteTransaction transaction, long id, string assignment, AdmitItem item, int state, byte[]? result) => connection
        .Prepared("""
            INSERT INTO tasks (id, tenant_id, assignment_id, replay, identity, body_hash, state, type, pool, admitted_at, queued_at, due, delivery,
                ran_ms, retries_used, lease, reported, start_committed, cancel, event_seq, source, assignment, result, ended_at)
            VALUES ($id, 't', $assignment, 0, x'', $hash, $state, 'crypto.hash', 'cpu', 1, 1, 9000000000000, 0, 0, 0, 0, 0, 0, 0, 1, 'gateway', $body, $result, 2)
            """, transaction)
        .Bind("$id", id).Bind("$assignment", assignment).Bind("$hash", Contracts.Assignments.BodyHash.Of(item.Assignment.Utf8)).Bind("$state", state)
        .Bind("$body", item.Assignment.Utf8.ToArray()).Bind("$result", result).ExecuteNonQuery();
}
