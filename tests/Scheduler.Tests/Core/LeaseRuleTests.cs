using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Tests.Core;

public sealed class LeaseRuleTests
{
    private static readonly TimeSpan Term = TimeSpan.FromSeconds(15);
    private readonly CoreDriver _driver = new();

    [Fact]
    public void A_work_call_is_answered_at_once_with_waiting_work_and_up_to_its_free_slots()
    {
        _driver.AdmitMany(5);
        var worker = _driver.Worker();

        var call = worker.Work(free: 3);

        Assert.Equal(3, call.Answer!.Leases.Count);
        Assert.Equal(["a0", "a1", "a2"], call.Answer.Leases.Select(l => l.AssignmentId));
        Assert.All(call.Answer.Leases, l => Assert.Equal(1, l.Delivery));
    }

    [Fact]
    public void A_work_call_without_work_is_held_until_work_comes_and_says_how_long()
    {
        var worker = _driver.Worker();
        var call = worker.Work(free: 1);
        Assert.Null(call.Answer);

        _driver.Pass(TimeSpan.FromSeconds(2));
        _driver.Admit("a");

        Assert.Equal("a", Assert.Single(call.Answer!.Leases).AssignmentId);
        Assert.Equal(2_000, call.Answer.HeldMs);
    }

    [Fact]
    public void A_held_call_is_answered_empty_when_its_hold_is_over()
    {
        var call = _driver.Worker().Work(free: 1);
        _driver.Pass(TimeSpan.FromSeconds(4.9));
        Assert.Null(call.Answer);
        _driver.Pass(TimeSpan.FromSeconds(0.1));
        Assert.Empty(call.Answer!.Leases);
        Assert.False(call.Answer.Superseded);
    }

    [Fact]
    public void Work_is_spread_over_the_workers_that_wait()
    {
        var calls = Enumerable.Range(1, 4).Select(i => _driver.Worker($"w{i}").Work(free: 8)).ToList();
        for (var i = 0; i < 8; i++)
        {
            _driver.Core.Admit(_driver.Now, CoreDriver.Candidate($"a{i}"), null);
        }

        _driver.Core.Dispatch(_driver.Now);

        Assert.All(calls, c => Assert.Equal(2, c.Answer!.Leases.Count));
    }

    [Fact]
    public void The_same_seq_again_gets_the_same_answer_and_no_second_lease()
    {
        _driver.AdmitMany(2);
        var worker = _driver.Worker();
        var first = _driver.Call(worker.Request(ExchangeChannels.Work, free: 1, seq: 1));
        var again = _driver.Call(worker.Request(ExchangeChannels.Work, free: 1, seq: 1));
        Assert.Same(first.Answer, again.Answer);
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("a1"));
    }

    [Fact]
    public void A_newer_seq_ends_the_held_call_and_an_older_one_gets_nothing()
    {
        var worker = _driver.Worker();
        var held = _driver.Call(worker.Request(ExchangeChannels.Work, free: 1, seq: 5));
        var newer = _driver.Call(worker.Request(ExchangeChannels.Work, free: 1, seq: 6));
        Assert.True(held.Answer!.Superseded);
        Assert.Null(newer.Answer);

        var late = _driver.Call(worker.Request(ExchangeChannels.Work, free: 1, seq: 4));
        Assert.True(late.Answer!.Superseded);
        _driver.Admit("a");
        Assert.Single(newer.Answer!.Leases);
        Assert.Empty(late.Answer.Leases);
    }

    [Fact]
    public void A_lease_whose_answer_was_seen_but_is_not_listed_is_taken_back_uncounted()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        var lost = _driver.Call(worker.Request(ExchangeChannels.Work, free: 1, seq: 1));
        var lease = Assert.Single(lost.Answer!.Leases).Number;

        // The worker gave up on seq 1 and has the answer to 2: what it does not list it never got.
        var second = _driver.Call(worker.Request(ExchangeChannels.Work, free: 0, seq: 2) with { Seen = new SeenSeqs(1, 0) });
        Assert.Null(second.Answer);
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("a"));
        Assert.Equal(1, _driver.Row("a").State.Delivery);

        var next = _driver.Worker("w2").Work(free: 1);
        Assert.Equal(1, Assert.Single(next.Answer!.Leases).Delivery);
        Assert.NotEqual(lease, next.Answer.Leases[0].Number);
    }

    [Fact]
    public void A_lease_whose_answer_the_call_had_not_seen_is_left_alone()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        _driver.Call(worker.Request(ExchangeChannels.Work, free: 1, seq: 1));

        // A report sent before the answer to work call 1 arrived.
        _driver.Call(worker.Request(ExchangeChannels.Report, free: 0, seq: 1));
        Assert.Equal(TaskPhase.Running, _driver.PhaseOf("a"));
    }

    [Fact]
    public void Silence_takes_nothing_back_before_the_term_ends_and_counts_then()
    {
        _driver.Admit("a");
        _driver.Worker().Work(free: 1);
        _driver.Pass(Term - TimeSpan.FromMilliseconds(1));
        Assert.Equal(TaskPhase.Running, _driver.PhaseOf("a"));
        _driver.Pass(TimeSpan.FromMilliseconds(1));
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("a"));
        Assert.Equal(2, _driver.Row("a").State.Delivery);
        Assert.Equal(["accepted", "redelivered"], _driver.EventsOf("a"));
    }

    [Fact]
    public void Listing_a_lease_renews_it_for_a_whole_term()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(free: 1);
        for (var i = 0; i < 5; i++)
        {
            _driver.Pass(TimeSpan.FromSeconds(14));
            Assert.Equal([worker.Held.Keys.Single()], worker.Report(free: 0).Answer!.Renewed);
        }

        Assert.Equal(TaskPhase.Running, _driver.PhaseOf("a"));
        _driver.Pass(Term);
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("a"));
    }

    [Fact]
    public void A_hold_adds_to_the_term_as_the_worker_reckons_it()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(free: 1);
        var held = worker.Work(free: 0);
        _driver.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(5_000, held.Answer!.HeldMs);

        // The worker may run until send + held + term − 2 s = 18 s; the scheduler waits longer than that.
        _driver.Pass(TimeSpan.FromSeconds(14));
        Assert.Equal(TaskPhase.Running, _driver.PhaseOf("a"));
        _driver.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("a"));
    }

    [Fact]
    public void A_new_incarnation_ends_the_old_ones_leases_counted_and_the_old_one_is_heard_no_more()
    {
        _driver.Admit("a");
        var old = _driver.Worker();
        old.Work(free: 1);
        var young = _driver.Worker(incarnation: "i2");
        var call = young.Work(free: 1);
        Assert.Equal(2, Assert.Single(call.Answer!.Leases).Delivery);

        var ghost = old.Report(free: 1, CoreWorker.Ended(old.Held.Keys.Single()));
        Assert.True(ghost.Answer!.Superseded);
        Assert.Empty(ghost.Answer.Accepted);
        Assert.Equal(TaskPhase.Running, _driver.PhaseOf("a"));
    }

    [Fact]
    public void After_three_lost_deliveries_the_task_is_dead_lettered_as_worker_lost()
    {
        _driver.Admit("a");
        for (var delivery = 1; delivery <= 3; delivery++)
        {
            var call = _driver.Worker(incarnation: $"i{delivery}").Work(free: 1);
            Assert.Equal(delivery, Assert.Single(call.Answer!.Leases).Delivery);
            _driver.Pass(Term);
        }

        var ending = _driver.EndingOf("a");
        Assert.Equal(TaskPhase.Error, ending.Phase);
        Assert.Equal(4001, (int)ending.Step.ErrorCode);
        Assert.Equal(3, ending.Delivery);
        Assert.Equal("worker_lost", Assert.Single(_driver.DeadLetters).Reason);
        Assert.Equal(["accepted", "redelivered", "redelivered", "failed", "dead_lettered"], _driver.EventsOf("a"));
    }

    [Fact]
    public void A_report_is_idempotent_and_a_superseded_lease_is_refused()
    {
        _driver.AdmitMany(2);
        var worker = _driver.Worker();
        worker.Work(free: 2);
        var (first, second) = (worker.Held.Keys.Min(), worker.Held.Keys.Max());
        Assert.Equal([first], worker.Report(0, CoreWorker.Ended(first)).Answer!.Accepted);
        Assert.Equal([first], worker.Report(0, CoreWorker.Ended(first)).Answer!.Accepted);
        Assert.Single(_driver.Endings);

        _driver.Pass(Term);
        var late = worker.Report(0, CoreWorker.Ended(second));
        Assert.Equal([second], late.Answer!.Refused);
        Assert.Single(_driver.Endings);
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("a1"));
    }

    [Fact]
    public void A_report_can_bring_leases_and_then_ends_the_hold_of_the_work_call()
    {
        _driver.AdmitMany(1);
        var worker = _driver.Worker();
        worker.Work(free: 1);
        var held = worker.Work(free: 0);
        Assert.Null(held.Answer);
        _driver.Admit("b");
        Assert.Null(held.Answer);

        var report = worker.Report(free: 1, CoreWorker.Ended(worker.Held.Keys.Single()));

        Assert.Equal("b", Assert.Single(report.Answer!.Leases).AssignmentId);
        Assert.Empty(held.Answer!.Leases);
    }

    [Fact]
    public void Room_that_a_report_tells_of_is_filled_through_the_held_work_call()
    {
        _driver.AdmitMany(1);
        var worker = _driver.Worker();
        worker.Work(free: 1);
        var held = worker.Work(free: 0);
        worker.Report(free: 1, CoreWorker.Ended(worker.Held.Keys.Single()));
        _driver.Admit("b");
        Assert.Equal("b", Assert.Single(held.Answer!.Leases).AssignmentId);
    }

    [Fact]
    public void A_work_call_that_was_overtaken_by_a_report_knows_the_slot_that_became_free()
    {
        _driver.AdmitMany(1);
        var worker = _driver.Worker();
        worker.Work(free: 1);
        var overtaken = worker.Request(ExchangeChannels.Work, free: 0);
        worker.Report(free: 0, CoreWorker.Ended(worker.Held.Keys.Single()));
        var held = _driver.Call(overtaken);
        Assert.Null(held.Answer);
        _driver.Admit("b");
        Assert.Single(held.Answer!.Leases);
    }

    [Fact]
    public void Handing_back_is_not_counted_and_keeps_the_place_in_the_queue()
    {
        _driver.AdmitMany(3);
        var worker = _driver.Worker();
        worker.Work(free: 1);
        worker.Report(0, CoreWorker.HandedBack(worker.Held.Keys.Single()));
        var call = _driver.Worker("w2").Work(free: 1);
        Assert.Equal(("a0", 1), (call.Answer!.Leases[0].AssignmentId, call.Answer.Leases[0].Delivery));
    }

    [Fact]
    public void Retry_at_parks_the_task_uncounted_and_its_times_travel_with_it()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","timeout_ms":10000}""");
        var worker = _driver.Worker();
        worker.Work(free: 1);
        worker.Report(0, CoreWorker.RetryAt(worker.Held.Keys.Single(), afterMs: 5_000, ranMs: 4_000));
        Assert.Equal(TaskPhase.Parked, _driver.PhaseOf("a"));
        var next = _driver.Worker("w2").Work(free: 1);

        _driver.Pass(TimeSpan.FromSeconds(4.9));
        Assert.Null(next.Answer);
        _driver.Pass(TimeSpan.FromSeconds(0.1));
        var lease = Assert.Single(next.Answer!.Leases);
        Assert.Equal((1, 1, 4_000L, 6_000L), (lease.Delivery, lease.RetriesUsed, lease.RanMs, lease.RemainingMs));
        Assert.Contains("retrying", _driver.EventsOf("a"));
    }

    [Fact]
    public void At_most_once_needs_a_committed_start_and_is_never_given_out_again_after_it()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","redelivery":"at_most_once"}""");
        var worker = _driver.Worker();
        var lease = Assert.Single(worker.Work(free: 1).Answer!.Leases);
        Assert.True(lease.StartRequired);
        var start = _driver.Call(worker.Request(ExchangeChannels.Report, 0, starts: [new LeaseStart(lease.Number)]));
        Assert.Equal([lease.Number], start.Answer!.Started);
        Assert.True(_driver.Row("a").State.StartCommitted);
        Assert.Equal([lease.Number], _driver.Call(worker.Request(ExchangeChannels.Report, 0, starts: [new LeaseStart(lease.Number)])).Answer!.Started);

        _driver.Pass(Term);
        Assert.Equal(TaskPhase.Error, _driver.PhaseOf("a"));
        Assert.Equal("worker_lost", Assert.Single(_driver.DeadLetters).Reason);
    }

    [Fact]
    public void At_most_once_may_be_given_out_again_while_its_start_is_not_committed()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","redelivery":"at_most_once"}""");
        _driver.Worker().Work(free: 1);
        _driver.Pass(Term);
        Assert.Equal(2, Assert.Single(_driver.Worker("w2").Work(1).Answer!.Leases).Delivery);
    }

    [Fact]
    public void A_start_on_a_lease_that_is_gone_is_refused()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","redelivery":"at_most_once"}""");
        var worker = _driver.Worker();
        var lease = Assert.Single(worker.Work(free: 1).Answer!.Leases);
        _driver.Pass(Term);
        var start = _driver.Call(worker.Request(ExchangeChannels.Report, 0, starts: [new LeaseStart(lease.Number)]));
        Assert.Equal([lease.Number], start.Answer!.Refused);
        Assert.Empty(start.Answer.Started);
    }

    [Fact]
    public void After_a_restart_every_lease_has_one_whole_new_term_and_its_report_is_taken()
    {
        _driver.AdmitMany(2);
        var worker = _driver.Worker();
        worker.Work(free: 2);
        _driver.Pass(TimeSpan.FromSeconds(14));
        _driver.Crash(epoch: 2);
        _driver.Pass(TimeSpan.FromSeconds(14));
        var (first, second) = (worker.Held.Keys.Min(), worker.Held.Keys.Max());
        var report = worker.Report(0, CoreWorker.Ended(first));
        Assert.Equal([first], report.Answer!.Accepted);
        Assert.Contains(second, report.Answer.Renewed);
        Assert.Equal(TaskPhase.Success, _driver.PhaseOf("a0"));

        _driver.Crash(epoch: 3);
        Assert.Equal([first], worker.Report(0, CoreWorker.Ended(first)).Answer!.Accepted);
        _driver.Pass(Term);
        Assert.Equal(2, _driver.Row("a1").State.Delivery);
    }

    [Fact]
    public void A_seq_repeated_after_a_restart_is_granted_the_same_leases_again()
    {
        _driver.AdmitMany(2);
        var worker = _driver.Worker();
        var lost = worker.Request(ExchangeChannels.Work, free: 2);
        var granted = _driver.Call(lost).Answer!.Leases.Select(lease => lease.Number).ToList();
        _driver.Crash(epoch: 2);

        var again = _driver.Call(lost);
        Assert.Equal(granted, again.Answer!.Leases.Select(lease => lease.Number).Order());
        worker.Receive(again);
        Assert.Equal(granted, worker.Report(0, [.. granted.Select(lease => CoreWorker.Ended(lease))]).Answer!.Accepted);
        Assert.Equal(1, _driver.Row("a0").State.Delivery);
    }

    [Fact]
    public void Leases_whose_answer_was_lost_with_the_scheduler_are_taken_back_uncounted_once_the_worker_has_a_later_answer()
    {
        _driver.AdmitMany(2);
        var worker = _driver.Worker();
        _driver.Call(worker.Request(ExchangeChannels.Work, free: 2));
        _driver.Crash(epoch: 2);

        var next = _driver.Call(worker.Request(ExchangeChannels.Work, free: 2));
        Assert.Null(next.Answer);
        _driver.Pass(TimeSpan.FromSeconds(5));
        worker.Receive(next);
        Assert.Empty(worker.Held);
        worker.Work(free: 2);
        Assert.Equal(2, worker.Held.Count);
        Assert.All((string[])["a0", "a1"], id => Assert.Equal(1, _driver.Row(id).State.Delivery));
    }

    [Fact]
    public void Lease_numbers_rise_over_restarts_and_stay_below_2_to_the_53()
    {
        _driver.Admit("a");
        var first = _driver.Worker().Work(1).Answer!.Leases[0].Number;
        _driver.Crash(epoch: NumberSource.MaxEpoch);
        _driver.Pass(Term);
        var second = _driver.Worker("w2").Work(1).Answer!.Leases[0].Number;
        Assert.InRange(second, first + 1, (1L << 53) - 1);
    }

    [Fact]
    public void A_result_that_contradicts_itself_becomes_an_internal_error()
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(1);
        worker.Report(0, CoreWorker.Ended(worker.Held.Keys.Single(), CoreDriver.Ok() with { ErrorCode = Contracts.Errors.ErrorCode.HttpError }));
        Assert.Equal((TaskPhase.Error, 4001), (_driver.PhaseOf("a"), (int)_driver.EndingOf("a").Step.ErrorCode));
    }

    [Fact]
    public void A_step_that_runs_on_past_its_total_time_is_ended_as_a_timeout_whatever_its_worker_says()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","timeout_ms":1000}""");
        var worker = _driver.Worker();
        worker.Work(1);
        var lease = worker.Held.Keys.Single();
        var call = _driver.Call(worker.Request(ExchangeChannels.Report, 0) with { Running = [new RunningLease(lease, 11_001, 0)] });
        Assert.Equal([lease], call.Answer!.Refused);
        Assert.Equal(StepStatus.Timeout, _driver.EndingOf("a").Step.Status);
    }

    [Fact]
    public void A_worker_is_given_only_what_it_offers()
    {
        _driver.Admit("hash");
        var worker = _driver.Worker();
        worker.Types = ["media.render"];
        var held = worker.Work(4);
        Assert.Null(held.Answer);
        Assert.Equal("hash", Assert.Single(_driver.Worker("w2").Work(1).Answer!.Leases).AssignmentId);
    }

    [Fact]
    public void An_answer_is_cut_at_two_mebibytes_of_assignments()
    {
        var content = new string('x', 200_000);
        for (var i = 0; i < 15; i++)
        {
            _driver.Admit($"a{i}", job: $$"""{"type":"crypto.hash","content":"{{content}}"}""");
        }

        var leases = _driver.Worker().Work(free: 15).Answer!.Leases;
        Assert.InRange(leases.Sum(l => l.Assignment.Length), 1, 2 * 1024 * 1024);
        Assert.Equal(10, leases.Count);
    }
}
