using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>What each option of section Scheduling changes (its bounds stand with the admission rules).</summary>
public sealed class SchedulingOptionTests
{
    [Fact]
    public void A_lease_lives_for_LeaseTerm_and_the_answer_says_so()
    {
        var driver = new CoreDriver(new() { LeaseTerm = TimeSpan.FromSeconds(6) });
        driver.Admit("a");
        Assert.Equal(6_000, driver.Worker().Work(1).Answer!.TermMs);
        driver.Pass(TimeSpan.FromSeconds(5.9));
        Assert.Equal(TaskPhase.Running, driver.PhaseOf("a"));
        driver.Pass(TimeSpan.FromSeconds(0.1));
        Assert.Equal(TaskPhase.Queued, driver.PhaseOf("a"));
    }

    [Fact]
    public void A_call_without_work_is_held_for_HoldTime()
    {
        var driver = new CoreDriver(new() { HoldTime = TimeSpan.FromSeconds(2) });
        var call = driver.Worker().Work(1);
        driver.Pass(TimeSpan.FromSeconds(1.9));
        Assert.Null(call.Answer);
        driver.Pass(TimeSpan.FromSeconds(0.1));
        Assert.NotNull(call.Answer);
    }

    [Fact]
    public void Waiting_for_AgeingStep_makes_up_for_one_step_of_priority()
    {
        var driver = new CoreDriver(new() { AgeingStep = TimeSpan.FromSeconds(2) });
        driver.Admit("low", more: "\"priority\":4,");
        driver.Pass(TimeSpan.FromSeconds(2.1));
        driver.Admit("high", more: "\"priority\":5,");
        Assert.Equal("low", driver.Worker().Work(1).Answer!.Leases[0].AssignmentId);
    }

    [Fact]
    public void A_step_may_run_on_for_OverrunGrace_before_the_scheduler_ends_it()
    {
        var driver = new CoreDriver(new() { OverrunGrace = TimeSpan.FromSeconds(3) });
        driver.Admit("a", job: """{"type":"crypto.hash","content":"x","timeout_ms":1000}""");
        var worker = driver.Worker();
        worker.Work(1);
        var lease = worker.Held.Keys.Single();
        Assert.Equal([lease], driver.Call(worker.Request(ExchangeChannels.Report, 0) with { Running = [new(lease, 4_000, 0)] }).Answer!.Renewed);
        Assert.Equal([lease], driver.Call(worker.Request(ExchangeChannels.Report, 0) with { Running = [new(lease, 4_001, 0)] }).Answer!.Refused);
    }

    [Fact]
    public void A_cancellation_that_came_first_is_remembered_for_RememberCancels()
    {
        var driver = new CoreDriver(new() { RememberCancels = TimeSpan.FromSeconds(3) });
        driver.Cancel("soon");
        driver.Cancel("late");
        driver.Pass(TimeSpan.FromSeconds(2.9));
        driver.Admit("soon");
        driver.Pass(TimeSpan.FromSeconds(0.1));
        driver.Admit("late");
        Assert.Equal((TaskPhase.Cancelled, TaskPhase.Queued), (driver.PhaseOf("soon"), driver.PhaseOf("late")));
    }

    [Fact]
    public void Beyond_MaxWorkers_a_new_one_finds_no_room_until_one_was_silent_for_ForgetWorkerAfter()
    {
        var driver = new CoreDriver(new() { MaxWorkers = 1, ForgetWorkerAfter = TimeSpan.FromSeconds(90) });
        driver.Worker().Report(0);
        Assert.Equal((true, false), (driver.Core.HasRoomFor("w1"), driver.Core.HasRoomFor("w2")));
        driver.Pass(TimeSpan.FromSeconds(80));
        Assert.False(driver.Core.HasRoomFor("w2"));
        driver.Pass(TimeSpan.FromSeconds(80));
        Assert.True(driver.Core.HasRoomFor("w2"));
    }
}
