using System.Text;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Identity;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;
using Beamline.Sqlite;

namespace Beamline.Scheduler.Tests.Engine;

public sealed class EngineTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_task_goes_from_admission_over_a_lease_to_its_committed_result()
    {
        await using var harness = EngineHarness.Open();
        var worker = new EngineWorker(harness.Engine);
        var held = worker.WorkAsync(free: 4);
        var outcome = await harness.AdmitAsync(EngineHarness.Item("a", wait: true), "gateway-1");
        Assert.Equal((AdmitStatuses.Accepted, "a", false), (outcome.Status, outcome.AssignmentId, outcome.Duplicate));

        var lease = Assert.Single((await held).Leases);
        Assert.Equal("a", lease.AssignmentId);
        Assert.Equal([lease.Number], (await worker.ReportAsync(1, EngineWorker.Ok(lease))).Accepted);

        var again = await harness.AdmitAsync(EngineHarness.Item("a", wait: true), "gateway-1");
        Assert.True(again.Duplicate);
        Assert.Equal("success", again.State);
        var ending = Assert.Single(harness.Commits.Endings);
        Assert.Equal(["gateway-1"], ending.Watchers);
        Assert.Equal(ending.Result, again.Result);
        Assert.Contains("\"digest\":\"abc\"", ending.Result.ToString(), StringComparison.Ordinal);
        Assert.Equal([OutboxKind.Ack, OutboxKind.Result], harness.Commits.Outbox.Select(r => r.Kind));
    }

    [Fact]
    public async Task A_step_that_comes_from_the_bus_again_after_its_end_is_told_its_result_again_from_memory()
    {
        await using var harness = EngineHarness.Open();
        var worker = new EngineWorker(harness.Engine);
        await harness.AdmitAsync(EngineHarness.Item("a", source: AdmitSources.Bus));
        await worker.ReportAsync(1);
        await worker.ReportAsync(0, EngineWorker.Ok(worker.Held.Values.Single()));
        await harness.AdmitAsync(EngineHarness.Item("a", source: AdmitSources.Bus));

        var results = harness.Commits.Outbox.Where(row => row.Kind == OutboxKind.Result).Select(row => Encoding.UTF8.GetString(OutboxMessages.Build(row).Span));
        Assert.Equal(Enumerable.Repeat(harness.Commits.Endings.Single().Result.ToString(), 2), results);
    }

    [Theory]
    [InlineData(SqliteSynchronous.Full, 2)]
    [InlineData(SqliteSynchronous.Normal, 1)]
    public async Task The_running_writer_waits_for_the_disk_as_it_is_set_to(SqliteSynchronous synchronous, int pragma)
    {
        Assert.Equal(SqliteSynchronous.Full, new LedgerOptions { Folder = "any" }.Synchronous);
        await using var harness = EngineHarness.Open(synchronous: synchronous);
        Assert.Equal(pragma, await harness.Ledger.RunAsync((connection, transaction) => ScalarOf(connection, transaction, "PRAGMA synchronous"), Token));

        static long ScalarOf(Microsoft.Data.Sqlite.SqliteConnection connection, Microsoft.Data.Sqlite.SqliteTransaction transaction, string sql)
        {
            using var command = connection.CreateCommand();
            (command.Transaction, command.CommandText) = (transaction, sql);
            return (long)command.ExecuteScalar()!;
        }
    }

    [Fact]
    public async Task An_admission_waits_for_its_own_commit_also_after_an_answer_that_had_nothing_to_commit()
    {
        await using var harness = EngineHarness.Open();
        var worker = new EngineWorker(harness.Engine);
        await worker.ReportAsync(0);
        await worker.ReportAsync(0);

        using var gate = new ManualResetEventSlim();
        var writerIsBusy = harness.Ledger.RunAsync((_, _) => { gate.Wait(Token); return 0; }, Token);
        var admitted = harness.AdmitAsync(EngineHarness.Item("a"));
        var answeredUncommitted = admitted.IsCompleted;
        gate.Set();
        await writerIsBusy;

        Assert.Equal(AdmitStatuses.Accepted, (await admitted).Status);
        Assert.False(answeredUncommitted);
    }

    [Fact]
    public async Task What_was_answered_survives_a_kill_and_work_goes_on_from_there()
    {
        await using var harness = EngineHarness.Open();
        var worker = new EngineWorker(harness.Engine);
        await harness.Engine.AdmitAsync([EngineHarness.Item("done"), EngineHarness.Item("leased"), EngineHarness.Item("queued")], null, Token);
        await worker.WorkAsync(free: 2);
        var (done, leased) = (worker.Held.Values.Single(l => l.AssignmentId == "done"), worker.Held.Values.Single(l => l.AssignmentId == "leased"));
        await worker.ReportAsync(0, EngineWorker.Ok(done));
        await harness.Engine.CancelAsync(new ExecCancel { TenantId = "t", AssignmentId = "not-yet", RequestedAt = 0 }, Token);

        var copy = harness.CopyAsAfterKill();
        await using (var revived = EngineHarness.Open(copy))
        {
            Assert.Equal(harness.Ledger.Epoch + 1, revived.Ledger.Epoch);
            var duplicate = await revived.AdmitAsync(EngineHarness.Item("done", wait: true), "g");
            Assert.Equal((true, "success", harness.Commits.Endings.Single().Result), (duplicate.Duplicate, duplicate.State, duplicate.Result));
            Assert.True((await revived.AdmitAsync(EngineHarness.Item("done", content: "other"))).Conflict);
            Assert.Equal("cancelled", (await revived.AdmitAsync(EngineHarness.Item("not-yet"))).State);

            // The worker lives on: its report is taken, and the rest of the queue comes to it.
            var survivor = new EngineWorker(revived.Engine);
            survivor.Held.Add(leased.Number, leased);
            Assert.Equal([leased.Number], (await survivor.ReportAsync(0, EngineWorker.Ok(leased))).Accepted);
            Assert.Equal([done.Number], (await survivor.ReportAsync(0, EngineWorker.Ok(done))).Accepted);
            var next = Assert.Single((await survivor.WorkAsync(1)).Leases);
            Assert.Equal("queued", next.AssignmentId);
            Assert.True(next.Number > leased.Number);
        }

        Directory.Delete(copy, recursive: true);
    }

    [Fact]
    public async Task A_second_scheduler_refuses_to_start_on_the_same_ledger_and_says_why()
    {
        await using var harness = EngineHarness.Open();
        var refused = Assert.Throws<InvalidOperationException>(() => LedgerStore.Open(new LedgerOptions { Folder = harness.Folder }));
        Assert.Contains("Another scheduler has the ledger", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ledger_of_a_newer_version_is_refused()
    {
        var folder = Directory.CreateTempSubdirectory("beamline-ledger-").FullName;
        await using (var ledger = LedgerStore.Open(new LedgerOptions { Folder = folder }))
        {
            await ledger.RunAsync((connection, transaction) => { connection.Execute("PRAGMA user_version=99", transaction); return 0; }, Token);
        }

        var refused = Assert.Throws<InvalidOperationException>(() => LedgerStore.Open(new LedgerOptions { Folder = folder }));
        Assert.Contains("schema version 99", refused.Message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(SqliteSynchronous.Full, 2L)]
    [InlineData(SqliteSynchronous.Normal, 1L)]
    public async Task The_ledger_waits_for_the_disk_as_configured(SqliteSynchronous setting, long pragma)
    {
        await using var harness = EngineHarness.Open(synchronous: setting);
        Assert.Equal(pragma, await harness.Ledger.RunAsync((connection, transaction) => connection.Prepared("PRAGMA synchronous", transaction).ExecuteScalar(), Token));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_full_disk_refuses_admission_loses_nothing_and_recovers_by_itself()
    {
        await using var harness = EngineHarness.Open(maxPages: 120, options: new() { AdmitWithin = TimeSpan.FromSeconds(3) });
        var accepted = new List<string>();
        AdmitOutcome outcome;
        var content = new string('x', 20_000);
        do
        {
            outcome = await harness.AdmitAsync(EngineHarness.Item($"a{accepted.Count}", content));
            if (outcome.Status == AdmitStatuses.Accepted)
            {
                accepted.Add(outcome.AssignmentId!);
            }
        }
        while (outcome.Status == AdmitStatuses.Accepted && accepted.Count < 200);

        Assert.Equal((AdmitStatuses.Refused, 4002), (outcome.Status, outcome.Error!.Number));
        Assert.InRange(accepted.Count, 1, 100);
        Assert.True(harness.Engine.IsStalled);
        Assert.Equal(AdmitStatuses.Refused, (await harness.AdmitAsync(EngineHarness.Item("meanwhile"))).Status);

        // Room again. The refused task's bytes come once more and find themselves already admitted, or are admitted now.
        await MakeRoomAsync(harness.Ledger);
        do
        {
            outcome = await harness.AdmitAsync(EngineHarness.Item($"a{accepted.Count}", content));
        }
        while (outcome.Status == AdmitStatuses.Refused);

        Assert.Equal(AdmitStatuses.Accepted, outcome.Status);
        accepted.Add(outcome.AssignmentId!);
        Assert.False(harness.Engine.IsStalled);
        var leases = new EngineWorker(harness.Engine);
        await leases.WorkAsync(free: 200);
        while (leases.Held.Count < accepted.Count)
        {
            await leases.WorkAsync(free: 200 - leases.Held.Count);
        }

        Assert.Equal(accepted.Order(), leases.Held.Values.Select(l => l.AssignmentId).Order());
    }

    /// <summary>Tried again where it shared its transaction with a commit that found the disk full.</summary>
    private static async Task MakeRoomAsync(LedgerStore ledger)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await ledger.RunAsync((connection, transaction) => { connection.Execute("PRAGMA max_page_count=100000", transaction); return 0; }, Token);
                return;
            }
            catch (Microsoft.Data.Sqlite.SqliteException) when (tries < 100)
            {
            }
        }
    }

    [Fact]
    public async Task A_state_store_that_is_away_refuses_what_the_ledger_does_not_know()
    {
        var away = false;
        await using var harness = EngineHarness.Open(lookup: (queries, _) =>
            ValueTask.FromResult<IReadOnlyList<IdentityAnswer>>([.. queries.Select(_ => away ? IdentityAnswer.Unavailable : IdentityAnswer.Unknown)]));
        await harness.AdmitAsync(EngineHarness.Item("known"));
        away = true;
        Assert.Equal(AdmitStatuses.Refused, (await harness.AdmitAsync(EngineHarness.Item("new", source: AdmitSources.Bus))).Status);
        Assert.True((await harness.AdmitAsync(EngineHarness.Item("known"))).Duplicate);
        Assert.Single(harness.Commits.Outbox);
    }

    [Fact]
    public async Task What_the_bus_brings_and_cannot_be_parsed_is_rejected_there_and_dead_lettered_with_its_bytes()
    {
        await using var harness = EngineHarness.Open();
        var garbage = new RawJson("{\"assignment_id\":\"a\""u8.ToArray());
        var outcome = await harness.AdmitAsync(new AdmitItem { Assignment = garbage, Source = AdmitSources.Bus });
        Assert.Equal(AdmitStatuses.Rejected, outcome.Status);
        Assert.Equal([OutboxKind.DeadLetter, OutboxKind.Ack], harness.Commits.Outbox.Select(r => r.Kind));
        Assert.Equal(garbage.Utf8.ToArray(), harness.Commits.Outbox[0].DeadLetter!.Raw);
        Assert.Contains("\"status\":\"rejected\"", harness.Commits.Outbox[1].Data.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_gateway_gets_rejected_never_reaches_the_bus()
    {
        await using var harness = EngineHarness.Open();
        var outcome = await harness.AdmitAsync(new AdmitItem { Assignment = RawJson.FromString("{}"), Source = AdmitSources.Gateway });
        Assert.Equal(AdmitStatuses.Rejected, outcome.Status);
        Assert.Empty(harness.Commits.Outbox);
    }

    [Fact]
    public async Task Purged_rows_are_forgotten_only_when_their_key_is_confirmed_and_their_messages_are_out()
    {
        await using var harness = EngineHarness.Open();
        await harness.AdmitAsync(EngineHarness.Item("a"));
        await harness.Engine.CancelAsync(new ExecCancel { TenantId = "t", AssignmentId = "a", RequestedAt = 0 }, Token);
        var later = DateTimeOffset.MaxValue;
        Assert.Equal(0, await harness.Engine.PurgeAsync(later, 100, Token));
        await harness.Ledger.ConfirmKeysAsync([harness.Commits.Endings.Single().Task.Id], Token);
        Assert.Equal(0, await harness.Engine.PurgeAsync(later, 100, Token));
        await harness.Engine.MarkPublishedAsync([.. harness.Commits.Outbox.Select(r => r.Id)], Token);
        Assert.Equal(0, harness.Engine.Depths().OutboxRows);
        Assert.Equal(0, await harness.Engine.PurgeAsync(later, 100, Token));
        await harness.Ledger.SaveEventCursorAsync(harness.Commits.Events.Max(e => e.Seq), Token);
        Assert.Equal(1, await harness.Engine.PurgeAsync(later, 100, Token));
        Assert.False((await harness.AdmitAsync(EngineHarness.Item("a"))).Duplicate);
    }

    [Fact]
    public async Task Cancelling_says_what_it_found()
    {
        await using var harness = EngineHarness.Open();
        var cancel = new ExecCancel { TenantId = "t", AssignmentId = "a", RequestedAt = 0 };
        Assert.False((await harness.Engine.CancelAsync(cancel, Token)).Found);
        Assert.Equal("cancelled", (await harness.AdmitAsync(EngineHarness.Item("a"))).State);
        Assert.Equal("cancelled", (await harness.Engine.CancelAsync(cancel, Token)).State);
    }

    [Fact]
    public async Task Held_calls_are_answered_first_at_shutdown()
    {
        await using var harness = EngineHarness.Open();
        var held = new EngineWorker(harness.Engine).WorkAsync(1);
        harness.Engine.ReleaseHeld();
        Assert.Empty((await held.WaitAsync(TimeSpan.FromSeconds(3), Token)).Leases);
    }

    [Fact]
    public async Task A_ledger_that_no_longer_keeps_its_word_ends_the_engine_and_answers_nothing_false()
    {
        await using var harness = EngineHarness.Open(options: new() { AdmitWithin = TimeSpan.FromMilliseconds(500) });
        await harness.AdmitAsync(EngineHarness.Item("a"));
        await harness.Ledger.RunAsync(
            (connection, transaction) => { connection.Execute("UPDATE tasks SET assignment_id='b'", transaction); return 0; }, Token);
        Assert.Equal(AdmitStatuses.Refused, (await harness.AdmitAsync(EngineHarness.Item("b"))).Status);
        await Assert.ThrowsAnyAsync<Microsoft.Data.Sqlite.SqliteException>(() => harness.Engine.Completion.WaitAsync(TimeSpan.FromSeconds(10), Token));
        Assert.Equal(AdmitStatuses.Refused, (await harness.AdmitAsync(EngineHarness.Item("c"))).Status);
    }
}
