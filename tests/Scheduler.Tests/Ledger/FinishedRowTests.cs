using Beamline.Contracts.Admission;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Tests.Engine;

namespace Beamline.Scheduler.Tests.Ledger;

/// <summary>Rows leave by ranges of numbers; whatever is told, and in whatever order, nothing else goes with them.</summary>
public sealed class FinishedRowTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Only_the_rows_named_leave_the_outbox_and_only_the_tasks_named_count_as_confirmed()
    {
        await using var harness = EngineHarness.Open();
        AdmitItem[] items = [.. Enumerable.Range(0, 8).Select(i => EngineHarness.Item($"a{i}"))];
        await harness.Engine.AdmitAsync(items, null, Token);
        var owed = await IdsAsync(harness, "SELECT id FROM outbox ORDER BY id");
        var tasks = await IdsAsync(harness, "SELECT id FROM tasks ORDER BY id");
        Assert.Equal((8, 8), (owed.Count, tasks.Count));

        int[] named = [6, 1, 2, 4, 2];
        await harness.Ledger.DeleteOutboxAsync([.. named.Select(i => owed[i])], Token);
        await harness.Ledger.ConfirmKeysAsync([.. named.Select(i => tasks[i])], Token);

        int[] others = [0, 3, 5, 7];
        Assert.Equal(others.Select(i => owed[i]), await IdsAsync(harness, "SELECT id FROM outbox ORDER BY id"));
        Assert.Equal(others.Select(i => tasks[i]), await IdsAsync(harness, "SELECT id FROM tasks WHERE key_confirmed = 0 ORDER BY id"));
    }

    private static Task<List<long>> IdsAsync(EngineHarness harness, string sql) => harness.Ledger.Reader.ReadAsync(
        connection =>
        {
            using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of this test.
            command.CommandText = sql;
#pragma warning restore CA2100
            using var row = command.ExecuteReader();
            var ids = new List<long>();
            while (row.Read())
            {
                ids.Add(row.GetInt64(0));
            }

            return ids;
        },
        Token);
}
