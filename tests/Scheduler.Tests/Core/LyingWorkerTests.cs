using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>A worker's word counts for its own leases, within what can be; whatever else it says does no harm.</summary>
public sealed class LyingWorkerTests
{
    private readonly CoreDriver _driver = new();

    [Fact]
    public void Nobody_renews_starts_reports_or_tells_of_anothers_lease()
    {
        _driver.Admit("a", job: """{"type":"crypto.hash","content":"x","redelivery":"at_most_once"}""");
        var honest = _driver.Worker();
        honest.Work(1);
        var lease = honest.Held.Keys.Single();
        var thief = _driver.Worker("thief");

        var call = _driver.Call(thief.Request(
            ExchangeChannels.Report, 0, reports: [CoreWorker.Ended(lease)], starts: [new LeaseStart(lease)],
            progress: [new LeaseProgress(lease, "progress", _driver.Now, RawJson.FromString("{}"))]) with { Running = [new RunningLease(lease, 1, 0)] });

        Assert.Equal([lease], call.Answer!.Refused);
        Assert.Equal((0, 0, 0), (call.Answer.Renewed.Count, call.Answer.Accepted.Count, call.Answer.Started.Count));
        Assert.Equal((TaskPhase.Running, false), (_driver.PhaseOf("a"), _driver.Row("a").State.StartCommitted));
        Assert.Equal(["accepted"], _driver.EventsOf("a"));
    }

    [Fact]
    public void Made_up_leases_seqs_and_answers_seen_change_nothing_for_others()
    {
        _driver.AdmitMany(2);
        var honest = _driver.Worker();
        honest.Work(1);
        var liar = _driver.Worker("liar");
        var call = _driver.Call(liar.Request(ExchangeChannels.Report, 0, seq: long.MaxValue, reports: [CoreWorker.Ended(long.MaxValue), CoreWorker.HandedBack(-1)]) with
        {
            Seen = new SeenSeqs(long.MaxValue, long.MaxValue),
            Running = [new RunningLease(0, long.MaxValue, int.MaxValue)],
        });
        Assert.Equal([-1, 0, long.MaxValue], call.Answer!.Refused.Order());
        Assert.Equal([honest.Held.Keys.Single()], honest.Report(0).Answer!.Renewed);

        // It has shut itself out of its channel, and nobody else.
        Assert.True(liar.Report(1).Answer!.Superseded);
        Assert.Equal("a1", Assert.Single(honest.Report(1).Answer!.Leases).AssignmentId);
    }

    [Fact]
    public void Leaving_out_a_lease_listed_before_costs_a_delivery_and_claiming_to_have_seen_too_much_gives_back_only_ones_own()
    {
        _driver.AdmitMany(2);
        var (liar, honest) = (_driver.Worker("liar"), _driver.Worker());
        liar.Work(1);
        honest.Work(1);
        liar.Report(0);
        _driver.Call(liar.Request(ExchangeChannels.Report, 0) with { Running = [], Seen = new SeenSeqs(long.MaxValue, long.MaxValue) });
        Assert.Equal((TaskPhase.Queued, 2), (_driver.PhaseOf("a0"), _driver.Row("a0").State.Delivery));
        Assert.Equal((TaskPhase.Running, 1), (_driver.PhaseOf("a1"), _driver.Row("a1").State.Delivery));
    }

    [Theory]
    [InlineData(long.MaxValue, null)]
    [InlineData(86_400_000L, null)]
    [InlineData(0, -5L)]
    public void No_step_starts_before_it_was_admitted_whatever_its_worker_says(long ranMs, long? progressAt)
    {
        _driver.Admit("a");
        var worker = _driver.Worker();
        worker.Work(1);
        var lease = worker.Held.Keys.Single();
        var progress = progressAt is { } at ? new LeaseProgress(lease, "progress", at, RawJson.FromString("{}")) : null;
        _driver.Call(worker.Request(ExchangeChannels.Report, 0, progress: progress is null ? null : [progress]) with { Running = [new RunningLease(lease, ranMs, 0)] });
        Assert.Equal(CoreDriver.Start, _driver.Row("a").State.StartedAt);
    }

    [Fact]
    public void A_call_that_was_overtaken_does_not_win_a_slot_that_has_been_given_since()
    {
        _driver.AdmitMany(2);
        var worker = _driver.Worker();
        var overtaken = worker.Request(ExchangeChannels.Report, free: 1);
        worker.Work(free: 1);
        worker.Work(free: 0);

        // Sent before the lease came, and with the one free slot that it has taken.
        Assert.Empty(_driver.Call(overtaken).Answer!.Leases);
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("a1"));
    }

    [Fact]
    public void What_is_handed_back_together_comes_back_in_its_old_order()
    {
        _driver.AdmitMany(6);
        var worker = _driver.Worker();
        worker.Work(free: 4);
        worker.Report(0, [.. worker.Held.Keys.Order().Select(CoreWorker.HandedBack)]);
        Assert.Equal(["a0", "a1", "a2", "a3", "a4", "a5"], _driver.Worker("w2").Work(free: 6).Answer!.Leases.Select(l => l.AssignmentId));
    }

    [Fact]
    public void A_repeat_of_a_held_call_is_answered_although_the_first_sender_has_gone()
    {
        var worker = _driver.Worker();
        var request = worker.Request(ExchangeChannels.Work, free: 1);
        var first = _driver.Call(request);
        var repeat = _driver.Call(request);
        Assert.Same(first, repeat);
        SchedulingCore.Abandon(first);
        _driver.Admit("a");
        Assert.Single(repeat.Answer!.Leases);
    }

    [Fact]
    public void A_call_that_nobody_waits_for_any_more_is_granted_nothing()
    {
        var worker = _driver.Worker();
        var request = worker.Request(ExchangeChannels.Work, free: 1);
        SchedulingCore.Abandon(_driver.Call(request));
        _driver.Admit("a");
        Assert.Equal(TaskPhase.Queued, _driver.PhaseOf("a"));
        Assert.Single(_driver.Call(request).Answer!.Leases);
    }
}
