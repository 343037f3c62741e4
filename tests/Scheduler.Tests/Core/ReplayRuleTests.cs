using Beamline.Contracts.Assignments;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>How a dead-lettered step runs again.</summary>
public sealed class ReplayRuleTests
{
    private const string Step = """ "flow_id":"f","step_id":"s",""";

    [Fact]
    public void A_step_runs_again_as_a_row_of_its_own_with_the_same_bytes_and_the_next_ordinal()
    {
        var driver = WithFailed("a", Step);
        var first = Newest(driver, "a");
        Assert.Equal(ReplayVerdict.Replayed, Replay(driver, "a"));

        var again = Newest(driver, "a").Task;
        Assert.Equal((1, first.Task.Bytes, first.Task.Source), (again.Replay, again.Bytes, again.Source));
        Assert.Equal(StepIdentity.KeyOf(first.Task.Assignment, 1), again.Identity);
        Assert.Equal(1, Run(driver, CoreDriver.Ok()).Replay);
        Assert.Equal([(0, TaskPhase.Error), (1, TaskPhase.Success)], driver.Endings.Select(ending => (ending.Task.Replay, ending.Phase)));
        Assert.Equal(["replayed", "started", "completed"], driver.Events.Where(each => each.Task == again.Id).Select(each => each.Type));
        Assert.Equal(first.State.EventSequence + 3, Newest(driver, "a").State.EventSequence);
    }

    [Fact]
    public void The_same_dead_letter_is_never_replayed_twice_not_even_after_a_crash()
    {
        var driver = WithFailed("a");
        var source = Source(driver, "a");
        Assert.Equal(ReplayVerdict.Replayed, driver.Core.Replay(driver.Now, source));
        Assert.Equal(ReplayVerdict.Superseded, driver.Core.Replay(driver.Now, source));
        driver.Commit();
        driver.Crash(2);
        Assert.Equal(ReplayVerdict.Superseded, driver.Core.Replay(driver.Now, source));
        Run(driver, CoreDriver.Ok());
        Assert.Equal(ReplayVerdict.Superseded, driver.Core.Replay(driver.Now, source));
        driver.Crash(3);
        Assert.Equal(ReplayVerdict.Superseded, driver.Core.Replay(driver.Now, source));
        Assert.Equal(2, driver.Rows.Count);
    }

    [Fact]
    public void A_replay_that_fails_too_has_a_dead_letter_of_its_own_which_may_be_replayed()
    {
        var driver = WithFailed("a");
        Replay(driver, "a");
        Run(driver, CoreDriver.Failed());
        Assert.Equal([0, 1], driver.DeadLetters.Select(letter => letter.Replay));
        Assert.Equal(ReplayVerdict.Replayed, Replay(driver, "a"));
        Assert.Equal(2, Newest(driver, "a").Task.Replay);
    }

    [Fact]
    public void While_its_tenant_is_at_its_bound_a_replay_waits()
    {
        var driver = WithFailed("a", tenants: new TenantsOptions { Default = { MaxQueued = 1 } });
        driver.Admit("other");
        Assert.Equal(ReplayVerdict.Waits, Replay(driver, "a"));
        Run(driver, CoreDriver.Ok());
        Assert.Equal(ReplayVerdict.Replayed, Replay(driver, "a"));
    }

    [Fact]
    public void What_expired_in_the_meantime_is_not_run()
    {
        var driver = WithFailed("a", $"\"expires_at\":{CoreDriver.Start + 60_000},");
        driver.Pass(TimeSpan.FromSeconds(60));
        Assert.Equal(ReplayVerdict.Expired, Replay(driver, "a"));
        Assert.Single(driver.Rows);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whoever_submits_the_step_again_means_its_newest_run(bool crash)
    {
        var driver = WithFailed("a", Step);
        Replay(driver, "a");
        if (crash)
        {
            driver.Crash(2);
        }

        Assert.Equal((AdmitVerdict.Duplicate, "queued"), (driver.Admit("a", more: Step) is var same ? same.Verdict : default, same.State));
        Assert.True(driver.Admit("b", more: Step).Alias);
        Run(driver, CoreDriver.Ok());
        Assert.Equal((TaskPhase.Success, 0), (driver.EndingOf("b").Phase, driver.EndingOf("b").Task.Replay));
    }

    [Fact]
    public void After_a_restart_an_ended_replay_is_what_admission_asks_the_ledger_about()
    {
        var driver = WithFailed("a", Step);
        Replay(driver, "a");
        Run(driver, CoreDriver.Ok());
        driver.Crash(2);
        var newest = Newest(driver, "a").Task.Id;
        Assert.Equal(newest, driver.Admit("a", more: Step).Row);
        Assert.Equal(newest, driver.Admit("b", more: Step).Row);
    }

    [Fact]
    public void A_step_that_was_submitted_under_two_ids_fails_once_and_its_replay_ends_for_both()
    {
        var driver = new CoreDriver();
        driver.Admit("a", more: Step);
        driver.Admit("b", more: Step);
        Run(driver, CoreDriver.Failed());
        Assert.Equal("a", Assert.Single(driver.DeadLetters).AssignmentId);
        Assert.Equal(["accepted", "failed"], driver.EventsOf("b"));
        Assert.Equal(["accepted", "started", "failed", "dead_lettered"], driver.EventsOf("a"));

        Assert.Equal(ReplayVerdict.Replayed, Replay(driver, "a", "b"));
        Run(driver, CoreDriver.Ok());
        Assert.Equal(
            [("a", 0, TaskPhase.Error), ("b", 0, TaskPhase.Error), ("a", 1, TaskPhase.Success), ("b", 1, TaskPhase.Success)],
            driver.Endings.Select(ending => (ending.Task.AssignmentId, ending.Task.Replay, ending.Phase)));
    }

    [Fact]
    public void A_replay_is_told_on_the_bus_by_its_result_alone()
    {
        var driver = WithFailed("a");
        var before = driver.Outbox.Count;
        Replay(driver, "a");
        Assert.Equal(before, driver.Outbox.Count);
    }

    internal static ReplaySource Source(CoreDriver driver, string id, params string[] aliases) => new()
    {
        DeadLetterId = driver.DeadLetters.Last(letter => letter.AssignmentId == id).Id,
        Order = new ReplayOrder(1, "ann", "mended"),
        Row = Ended(driver, id),
        Aliases = [.. aliases.Select(alias => Ended(driver, alias))],
    };

    private static ReplayVerdict Replay(CoreDriver driver, string id, params string[] aliases)
    {
        var verdict = driver.Core.Replay(driver.Now, Source(driver, id, aliases));
        driver.Core.Dispatch(driver.Now);
        driver.Commit();
        return verdict;
    }

    private static CoreDriver WithFailed(string id, string more = "", TenantsOptions? tenants = null)
    {
        var driver = new CoreDriver(tenants: tenants);
        driver.Admit(id, more: more);
        Run(driver, CoreDriver.Failed());
        return driver;
    }

    /// <summary>Lends what is queued to a worker and has it end so; the lease.</summary>
    private static Contracts.Exchange.Lease Run(CoreDriver driver, StepResult result)
    {
        var worker = driver.Worker(incarnation: Guid.NewGuid().ToString("N"));
        worker.Work(1);
        var lease = Assert.Single(worker.Held.Values);
        worker.Report(0, CoreWorker.Ended(lease.Number, result with { Metadata = StepMetadata.Of(AssignmentReader.ReadTrusted(lease.Assignment)) }));
        return lease;
    }

    private static TaskWrite Newest(CoreDriver driver, string id) => driver.Rows.Values.Where(row => row.Task.AssignmentId == id).MaxBy(row => row.Task.Replay)!;

    private static EndedRow Ended(CoreDriver driver, string id) => new(Newest(driver, id).Task, Newest(driver, id).State.EventSequence);
}
