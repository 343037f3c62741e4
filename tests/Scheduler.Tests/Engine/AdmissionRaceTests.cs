using Beamline.Contracts.Admission;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Identity;
using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;

namespace Beamline.Scheduler.Tests.Engine;

/// <summary>Admission against everything that may happen beside it.</summary>
public sealed class AdmissionRaceTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_same_assignment_over_both_paths_at_once_is_admitted_once()
    {
        // Every question to the state store is out before the first is answered.
        const int Rounds = 20, Callers = 16;
        for (var round = 0; round < Rounds; round++)
        {
            var asked = 0;
            var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var harness = EngineHarness.Open(
                synchronous: SqliteSynchronous.Normal,
                lookup: async (queries, _) =>
                {
                    if (Interlocked.Increment(ref asked) == Callers)
                    {
                        all.SetResult();
                    }

                    await all.Task.WaitAsync(TimeSpan.FromSeconds(20), Token);
                    return [.. queries.Select(_ => IdentityAnswer.Unknown)];
                },
                options: new() { AdmitWithin = TimeSpan.FromSeconds(20) });
            var outcomes = await Task.WhenAll(Enumerable.Range(0, Callers).Select(n => Task.Run(() => harness.AdmitAsync(
                EngineHarness.Item("same", source: n % 2 == 0 ? AdmitSources.Bus : AdmitSources.Gateway)))));
            Assert.All(outcomes, outcome => Assert.Equal(AdmitStatuses.Accepted, outcome.Status));
            Assert.Equal(Callers - 1, outcomes.Count(outcome => outcome.Duplicate));
            Assert.Equal(1, harness.Engine.Depths().OpenTasks);

            // One ack for the task, and one under an id of its own for each repeat over the bus.
            var acks = harness.Commits.Outbox.Where(row => row.Kind == OutboxKind.Ack).ToList();
            Assert.InRange(acks.Count, Callers / 2, (Callers / 2) + 1);
            Assert.Equal(acks.Count, acks.Select(row => row.Number).Distinct().Count());
        }
    }

    [Fact]
    public async Task A_step_whose_row_is_purged_while_it_is_looked_at_is_asked_for_in_the_state_store_and_does_not_run_again()
    {
        EngineHarness? harness = null;
        var ended = false;
        harness = EngineHarness.Open(lookup: async (queries, _) =>
        {
            // The batch's other item is being asked for: meanwhile the row of this one goes, as its key is in the store.
            if (ended && queries.Any(query => query.AssignmentId == "other"))
            {
                Assert.Equal(1, await harness!.Engine.PurgeAsync(DateTimeOffset.MaxValue, 100, Token));
            }

            return [.. queries.Select(query => ended && query.AssignmentId == "ran"
                ? new IdentityAnswer(IdentityKnowledge.Known) { AssignmentId = "ran", BodyHash = harness!.Commits.Endings[0].Task.BodyHash, Status = TaskStates.Cancelled }
                : IdentityAnswer.Unknown)];
        });
        await using var _ = harness;
        await harness.AdmitAsync(EngineHarness.Item("ran"));
        await harness.Engine.CancelAsync(new ExecCancel { TenantId = "t", AssignmentId = "ran", RequestedAt = 0 }, Token);
        await harness.Ledger.ConfirmKeysAsync([harness.Commits.Endings[0].Task.Id], Token);
        await harness.Engine.MarkPublishedAsync([.. harness.Commits.Outbox.Select(row => row.Id)], Token);
        await harness.Ledger.SaveEventCursorAsync(harness.Commits.Events.Max(row => row.Seq), Token);
        ended = true;

        var outcomes = await harness.Engine.AdmitAsync([EngineHarness.Item("ran"), EngineHarness.Item("other")], null, Token);

        Assert.Equal((true, "cancelled"), (outcomes[0].Duplicate, outcomes[0].State));
        Assert.Equal((false, "queued"), (outcomes[1].Duplicate, outcomes[1].State));
    }

    [Fact]
    public async Task A_lookup_that_never_answers_is_refused_within_the_time_that_admission_has()
    {
        await using var harness = EngineHarness.Open(
            lookup: async (_, cancellation) =>
            {
                await new TaskCompletionSource().Task.WaitAsync(cancellation);
                return [];
            },
            options: new() { AdmitWithin = TimeSpan.FromMilliseconds(100) });
        var outcome = await harness.AdmitAsync(EngineHarness.Item("a")).WaitAsync(TimeSpan.FromSeconds(10), Token);
        Assert.Equal(AdmitStatuses.Refused, outcome.Status);
    }
}
