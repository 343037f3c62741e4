using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Tests.Core;

public sealed class AdmissionRuleTests
{
    private const string Step = "\"flow_id\":\"f\",\"step_id\":\"s\",";
    private const string OtherJob = """{"type":"crypto.hash","content":"other"}""";

    [Fact]
    public void The_same_assignment_again_is_a_duplicate_and_another_body_a_conflict()
    {
        var driver = new CoreDriver();
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("a").Verdict);
        Assert.Equal(AdmitVerdict.Duplicate, driver.Admit("a").Verdict);
        Assert.Equal(AdmitVerdict.Conflict, driver.Admit("a", job: OtherJob).Verdict);
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("a", tenant: "other").Verdict);
        Assert.Equal(2, driver.Rows.Count);
    }

    [Fact]
    public void The_same_step_under_another_id_runs_once_and_each_gets_its_own_result()
    {
        var driver = new CoreDriver();
        driver.Admit("first", more: Step);
        var alias = driver.Admit("second", more: Step);
        Assert.Equal((AdmitVerdict.Admitted, true), (alias.Verdict, alias.Alias));
        Assert.Equal(AdmitVerdict.Conflict, driver.Admit("third", job: OtherJob, more: Step).Verdict);

        var worker = driver.Worker();
        Assert.Single(worker.Work(free: 5).Answer!.Leases);
        worker.Report(0, CoreWorker.Ended(worker.Held.Keys.Single(), CoreDriver.Ok() with { Metadata = StepMetadata.Of(driver.Row("first").Task.Assignment) }));

        Assert.Equal((TaskPhase.Success, TaskPhase.Success), (driver.PhaseOf("first"), driver.PhaseOf("second")));
        Assert.Equal(2, driver.Endings.Count);
    }

    [Fact]
    public void Cancelling_an_alias_ends_it_alone_and_cancelling_the_first_ends_both()
    {
        var driver = new CoreDriver();
        driver.Admit("first", more: Step);
        driver.Admit("second", more: Step);
        driver.Admit("third", more: Step);
        Assert.Equal(TaskPhase.Cancelled, driver.Cancel("second"));
        Assert.Equal(TaskPhase.Queued, driver.PhaseOf("first"));
        Assert.Equal(TaskPhase.Cancelled, driver.Cancel("first"));
        Assert.Equal(TaskPhase.Cancelled, driver.PhaseOf("third"));
        Assert.Equal(3, driver.Endings.Count);
    }

    [Fact]
    public void Aliases_find_their_first_again_after_a_restart()
    {
        var driver = new CoreDriver();
        driver.Admit("first", more: Step);
        driver.Admit("second", more: Step);
        driver.Crash(epoch: 2);
        var worker = driver.Worker();
        worker.Work(free: 5);
        worker.Report(0, CoreWorker.Ended(worker.Held.Keys.Single(), CoreDriver.Ok() with { Metadata = StepMetadata.Of(driver.Row("first").Task.Assignment) }));
        Assert.Equal(TaskPhase.Success, driver.PhaseOf("second"));
    }

    [Fact]
    public void An_alias_of_what_the_state_store_remembers_ends_at_once_with_that_outcome()
    {
        var driver = new CoreDriver();
        driver.Admit("probe", more: Step);
        var hash = driver.Row("probe").Task.BodyHash;
        var stored = RawJson.FromString("""{"id":"result:t:first:0","assignment_id":"first","request_id":"r","status":"success","result":{"n":12345678901234567890},"error":null,"error_code":0,"latency_ms":7,"retries_used":1,"metadata":{"block_type":"crypto.hash","provider_id":"p","attempt":1,"delivery":2,"replay":0},"tenant_id":"t","completed_at":5}""");
        var fresh = new CoreDriver();
        var decision = fresh.Admit("second", more: Step, known: new KnownStep(null, "first", hash, "success", stored));
        Assert.Equal(AdmitVerdict.Admitted, decision.Verdict);
        var ending = fresh.EndingOf("second");
        Assert.Equal((TaskPhase.Success, 2, """{"n":12345678901234567890}"""), (ending.Phase, ending.Delivery, ending.Step.Outputs.ToString()));
        Assert.Null(fresh.Worker().Work(1).Answer);
    }

    [Fact]
    public void What_the_state_store_remembers_under_this_id_is_a_duplicate_or_a_conflict_and_nothing_is_stored()
    {
        var hash = CoreDriver.Candidate("a").Draft.BodyHash;
        var driver = new CoreDriver();
        var result = RawJson.FromString("{}");
        Assert.Equal(AdmitVerdict.Duplicate, driver.Admit("a", known: new KnownStep(null, "a", hash, "success", result)).Verdict);
        Assert.Equal(AdmitVerdict.Conflict, driver.Admit("a", job: OtherJob, known: new KnownStep(null, "a", hash, "success", result)).Verdict);
        Assert.Empty(driver.Rows);
    }

    [Fact]
    public void A_repeat_over_the_bus_is_acknowledged_again_under_an_id_of_its_own()
    {
        var driver = new CoreDriver();
        driver.Admit("a", fromBus: true);
        driver.Admit("a", fromBus: true);
        var acks = driver.Outbox.Where(r => r.Kind == OutboxKind.Ack).ToList();
        Assert.Equal(2, acks.Count);
        Assert.Equal(1, acks[0].Number);
        Assert.NotEqual(1, acks[1].Number);
    }

    [Fact]
    public void One_task_over_a_bound_is_answered_at_once_with_a_time_to_come_back()
    {
        var driver = new CoreDriver(new SchedulingOptions { MaxOpenTasks = 3 }, tenants: new TenantsOptions { Default = { MaxQueued = 2 } });
        driver.AdmitMany(2);
        var quota = driver.Admit("b");
        Assert.Equal(AdmitVerdict.Quota, quota.Verdict);
        Assert.InRange(quota.RetryAfterMs!.Value, 250, 60_000);
        driver.Admit("c", tenant: "u");
        Assert.Equal(AdmitVerdict.Overload, driver.Admit("d", tenant: "v").Verdict);
        Assert.Equal(AdmitVerdict.Duplicate, driver.Admit("a0").Verdict);

        driver.Cancel("a0");
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("b").Verdict);
    }

    [Fact]
    public void Bytes_are_bounded_as_well()
    {
        var size = CoreDriver.Candidate("a0").Draft.Bytes.Length;
        var driver = new CoreDriver(new SchedulingOptions { MaxOpenBytes = 2 * size });
        driver.AdmitMany(2);
        Assert.Equal(AdmitVerdict.Overload, driver.Admit("a2").Verdict);
    }

    [Fact]
    public void A_full_outbox_stops_admission_until_the_bus_has_caught_up()
    {
        var driver = new CoreDriver(new SchedulingOptions { MaxOutboxRows = 2 });
        driver.AdmitMany(2);
        Assert.Equal(AdmitVerdict.OutboxFull, driver.Admit("b").Verdict);
        driver.Core.Published(1);
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("b").Verdict);
    }

    [Fact]
    public void A_cancellation_that_overtakes_its_assignment_wins_for_ten_minutes_also_over_a_restart()
    {
        var driver = new CoreDriver();
        Assert.Null(driver.Cancel("early"));
        Assert.Null(driver.Cancel("late"));
        driver.Crash(epoch: 2);
        driver.Admit("early");
        Assert.Equal(TaskPhase.Cancelled, driver.PhaseOf("early"));

        driver.Pass(TimeSpan.FromMinutes(10));
        driver.Admit("late");
        Assert.Equal(TaskPhase.Queued, driver.PhaseOf("late"));
    }

    [Fact]
    public void Remembered_cancellations_are_bounded_and_the_oldest_makes_room()
    {
        var driver = new CoreDriver(new SchedulingOptions { MaxRememberedCancels = 2 });
        foreach (var id in (string[])["a", "b", "c"])
        {
            driver.Cancel(id);
        }

        driver.Admit("a");
        driver.Admit("c");
        Assert.Equal((TaskPhase.Queued, TaskPhase.Cancelled), (driver.PhaseOf("a"), driver.PhaseOf("c")));
    }
}
