using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Tests.Core;

public sealed class ApprovalRuleTests
{
    private const string Job = """{"type":"human.approval","prompt":"Pay?","approvers":["ann","bob"]}""";
    private const string AMinute = """{"type":"human.approval","inputs":{"prompt":"Pay?","approvers":["ann","bob"],"timeout_ms":60000}}""";
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private readonly CoreDriver _driver = new();

    [Fact]
    public void A_person_is_asked_at_admission_and_the_task_waits_in_no_queue()
    {
        Assert.Equal("waiting", _driver.Admit("a", job: Job).State);

        Assert.Equal(TaskPhase.AwaitingApproval, _driver.PhaseOf("a"));
        Assert.Equal(["accepted", "approval_needed"], _driver.EventsOf("a"));
        using var asked = JsonDocument.Parse(_driver.EventRows.Single(row => row.Type == "approval_needed").Data!.Value.Utf8);
        Assert.Equal("Pay?", asked.RootElement.GetProperty("prompt").GetString());
        Assert.Equal(["ann", "bob"], asked.RootElement.GetProperty("approvers").EnumerateArray().Select(each => each.GetString()!));
        Assert.Equal(CoreDriver.Start + (long)Day.TotalMilliseconds, asked.RootElement.GetProperty("expires_at").GetInt64());
        Assert.Empty(_driver.Core.Depths);
        Assert.Equal((1, 0), (_driver.Core.OpenTasks, _driver.Core.Leases));
        var worker = _driver.Worker();
        worker.Types = [BlockTypes.HumanApproval];
        Assert.Null(worker.Work(4).Answer);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Yes_and_no_are_both_a_success_with_who_said_it_and_when(bool approved)
    {
        _driver.Admit("a", job: Job);
        _driver.Pass(TimeSpan.FromMinutes(10));

        Assert.Equal(ApprovalVerdict.Decided, _driver.Decide("a", approved, "bob", "as agreed"));

        var ending = _driver.EndingOf("a");
        Assert.Equal((TaskPhase.Success, 600_000L), (ending.Phase, ending.Step.LatencyMs));
        Assert.Equal(
            $$"""{"approved":{{(approved ? "true" : "false")}},"approver":"bob","comment":"as agreed","approved_at":{{_driver.Now}}}""", ending.Step.Outputs.ToString());
        Assert.Equal(["accepted", "approval_needed", "completed"], _driver.EventsOf("a"));
        Assert.Empty(_driver.DeadLetters);
        Assert.Equal(0, _driver.Core.OpenTasks);
    }

    [Fact]
    public void The_first_decision_counts()
    {
        _driver.Admit("a", job: Job);
        _driver.Decide("a", true, "ann");
        Assert.Equal(ApprovalVerdict.Ended, _driver.Decide("a", false, "bob"));
        Assert.Contains("\"approver\":\"ann\"", _driver.EndingOf("a").Step.Outputs.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1_000, 0)] // before the question
    [InlineData(30_000, 30_000)]
    [InlineData(999_000, 60_000)] // in the future
    public void A_claimed_time_counts_within_what_can_be(long claimed, long counts)
    {
        _driver.Admit("a", job: Job);
        _driver.Pass(TimeSpan.FromMinutes(1));
        _driver.Decide("a", true, "ann", at: CoreDriver.Start + claimed);
        Assert.Contains($"\"approved_at\":{CoreDriver.Start + counts}", _driver.EndingOf("a").Step.Outputs.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Undecided_it_times_out_when_its_waiting_time_is_over_and_not_before()
    {
        _driver.Admit("a", job: AMinute);
        _driver.Pass(TimeSpan.FromSeconds(59.9));
        Assert.Equal(TaskPhase.AwaitingApproval, _driver.PhaseOf("a"));
        _driver.Pass(TimeSpan.FromSeconds(0.1));

        var step = _driver.EndingOf("a").Step;
        Assert.Equal((StepStatus.Timeout, Contracts.Errors.ErrorCode.Timeout, 60_000L), (step.Status, step.ErrorCode, step.LatencyMs));
        Assert.Equal(["accepted", "approval_needed", "timed_out"], _driver.EventsOf("a"));
        Assert.Equal(ApprovalVerdict.Ended, _driver.Decide("a", true, "ann"));
    }

    [Fact]
    public void A_decision_after_the_waiting_time_is_too_late_though_the_timer_has_not_struck()
    {
        _driver.Admit("a", job: AMinute);
        Assert.Equal(ApprovalVerdict.Ended, _driver.Decide("a", true, "ann", after: TimeSpan.FromMinutes(1)));
        Assert.Equal(TaskPhase.Timeout, _driver.PhaseOf("a"));
    }

    [Fact]
    public void It_is_asked_after_its_not_before_and_then_waits_for_its_whole_time()
    {
        _driver.Admit("a", job: AMinute, more: $"\"not_before\":{CoreDriver.Start + 3_000},");
        Assert.Equal(TaskPhase.Parked, _driver.PhaseOf("a"));
        Assert.Equal(ApprovalVerdict.NotAsked, _driver.Decide("a", true, "ann"));
        _driver.Pass(TimeSpan.FromSeconds(3));
        Assert.Equal(["accepted", "approval_needed"], _driver.EventsOf("a"));
        _driver.Pass(TimeSpan.FromSeconds(59));
        Assert.Equal(ApprovalVerdict.Decided, _driver.Decide("a", true, "ann"));
    }

    [Fact]
    public void What_expires_before_it_could_be_asked_is_never_asked()
    {
        _driver.Admit("a", job: Job, more: $"\"expires_at\":{CoreDriver.Start - 1},");
        _driver.Admit("b", job: Job, more: $"\"not_before\":{CoreDriver.Start + 3_000},\"expires_at\":{CoreDriver.Start + 2_000},");
        foreach (var id in (string[])["a", "b"])
        {
            Assert.Equal(["accepted", "timed_out"], _driver.EventsOf(id));
            Assert.Contains("\"reason\":\"expired\"", _driver.EndingOf(id).Step.ErrorDetails.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Expiry_is_about_the_start_and_who_has_been_asked_has_started()
    {
        _driver.Admit("a", job: AMinute, more: $"\"expires_at\":{CoreDriver.Start + 2_000},");
        _driver.Pass(TimeSpan.FromSeconds(30));
        Assert.Equal(ApprovalVerdict.Decided, _driver.Decide("a", true, "ann"));
    }

    [Fact]
    public void It_can_be_cancelled_while_it_waits_and_before_it_is_asked()
    {
        _driver.Admit("a", job: Job);
        _driver.Admit("b", job: Job, more: $"\"not_before\":{CoreDriver.Start + 3_000},");
        Assert.Equal(TaskPhase.Cancelled, _driver.Cancel("a"));
        Assert.Equal(TaskPhase.Cancelled, _driver.Cancel("b"));
        Assert.Equal(["accepted", "approval_needed", "cancelled"], _driver.EventsOf("a"));
        Assert.Equal(["accepted", "cancelled"], _driver.EventsOf("b"));
        Assert.Equal(ApprovalVerdict.Ended, _driver.Decide("a", true, "ann"));
        Assert.Empty(_driver.Core.Depths);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public void Another_id_of_the_same_step_is_not_asked_again_and_a_decision_under_either_counts_for_both(string named)
    {
        const string step = "\"flow_id\":\"f\",\"step_id\":\"s\",";
        _driver.Admit("a", job: Job, more: step);
        _driver.Admit("b", job: Job, more: step);
        _driver.Crash(epoch: 2);

        Assert.Equal(ApprovalVerdict.Decided, _driver.Decide(named, false, "ann"));

        Assert.Equal((TaskPhase.Success, TaskPhase.Success), (_driver.PhaseOf("a"), _driver.PhaseOf("b")));
        Assert.Equal(_driver.EndingOf("a").Step.Outputs.ToString(), _driver.EndingOf("b").Step.Outputs.ToString());
        Assert.Equal(["accepted", "completed"], _driver.EventsOf("b"));
    }

    [Fact]
    public void However_often_the_scheduler_restarts_people_are_asked_once_and_the_time_goes_on()
    {
        _driver.Admit("a", job: AMinute);
        for (var epoch = 2; epoch < 6; epoch++)
        {
            _driver.Crash(epoch);
            _driver.Pass(TimeSpan.FromSeconds(14));
        }

        Assert.Equal(TaskPhase.AwaitingApproval, _driver.PhaseOf("a"));
        _driver.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(["accepted", "approval_needed", "timed_out"], _driver.EventsOf("a"));
    }

    [Fact]
    public void A_wait_that_ran_out_while_no_scheduler_ran_still_hears_what_the_bus_kept_for_one_term()
    {
        _driver.Admit("heard", job: AMinute);
        _driver.Admit("silent", job: AMinute);
        _driver.Sleep(TimeSpan.FromHours(1));
        _driver.Crash(epoch: 2);
        _driver.Pass(TimeSpan.FromSeconds(14.9));
        Assert.Equal(ApprovalVerdict.Decided, _driver.Decide("heard", true, "ann", at: CoreDriver.Start + 1_000));
        _driver.Pass(TimeSpan.FromSeconds(0.1));
        Assert.Equal((TaskPhase.Success, TaskPhase.Timeout), (_driver.PhaseOf("heard"), _driver.PhaseOf("silent")));
    }

    [Fact]
    public void Setting_the_machines_clock_neither_ends_nor_prolongs_the_wait()
    {
        _driver.Admit("a", job: AMinute);
        _driver.SetClock(TimeSpan.FromDays(400));
        _driver.Pass(TimeSpan.FromSeconds(59));
        Assert.Equal(TaskPhase.AwaitingApproval, _driver.PhaseOf("a"));
        _driver.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(TaskPhase.Timeout, _driver.PhaseOf("a"));
    }

    [Fact]
    public void A_class_of_resources_gives_it_no_pool()
    {
        _driver.Admit("a", job: """{"type":"human.approval","prompt":"Pay?","approvers":["ann"],"resources":{"class":"cpu"}}""");
        Assert.Equal((TaskPhase.AwaitingApproval, ""), (_driver.PhaseOf("a"), _driver.Row("a").Task.Pool));
    }

    [Fact]
    public void An_answer_that_max_output_bytes_has_no_room_for_is_the_error_that_says_so()
    {
        _driver.Admit("a", job: """{"type":"human.approval","prompt":"Pay?","approvers":["ann"],"guardrails":{"max_output_bytes":10}}""");
        _driver.Decide("a", true, "ann");
        Assert.Contains("output_too_large", _driver.EndingOf("a").Step.ErrorDetails.ToString(), StringComparison.Ordinal);
        Assert.Equal(TaskPhase.Error, _driver.PhaseOf("a"));
    }
}
