using Beamline.Contracts;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Events;
using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core.Fairness;

namespace Beamline.Scheduler.Core;

/// <summary>
/// The scheduler's side of the exchange: channels, seqs, renewals, reports, grants, holds. One call goes through these steps:
/// 1 who calls (a new incarnation ends the old one's leases); 2 which call of its channel (repeated: the same answer;
/// older: superseded); 3 reports, starts, progress; 4 renewals, and taking back what was never received; 5 grants;
/// 6 the answer, at once or when there is something to say.
/// </summary>
internal sealed class WorkerDesk(SchedulingOptions options, TaskTable table, PoolQueues queues, TaskLife life, TaskRows rows)
{
    private readonly WorkDealer _dealer = new(table, queues, life);

    // All holds last equally long, so the oldest call's runs out first.
    private readonly Queue<ExchangeCall> _holds = new();
    private bool _closing;

    /// <summary>Calls answered since they were last taken: to be sent after the commit of all that came before.</summary>
    public List<ExchangeCall> Answered { get; } = [];

    public ExchangeCall Exchange(long now, ExchangeRequest request)
    {
        var worker = WorkerOf(now, request);
        if (worker is null)
        {
            return Supersede(now, new ExchangeCall(request, null, now));
        }

        var channel = request.Channel == ExchangeChannels.Report ? ChannelKind.Report : ChannelKind.Work;
        var last = worker.Calls[(int)channel];
        if (last is not null && request.Seq == last.Request.Seq && !last.Abandoned)
        {
            last.Callers++;
            return last;
        }

        if (last is not null && request.Seq < last.Request.Seq)
        {
            return Supersede(now, new ExchangeCall(request, worker, now));
        }

        if (last is { IsHeld: true })
        {
            Supersede(now, last);
        }

        var call = new ExchangeCall(request, worker, now);
        worker.Calls[(int)channel] = call;
        worker.LastHeard = now;
        _dealer.Stand(worker, request.Offers, request.MemoryMb > 0 ? request.MemoryMb : null);
        if (request.Draining)
        {
            worker.Unreserve();
        }

        TakeReports(now, worker, call);
        Renew(now, worker, call);
        _dealer.GrantAgain(now, worker, call, channel);
        worker.Free = _dealer.FreeSlots(worker, call);
        if (worker.Free > 0)
        {
            _dealer.Fill(now, worker, call, channel, int.MaxValue);
        }

        return Conclude(now, worker, call, channel);
    }

    /// <summary>Gives waiting work to waiting workers.</summary>
    public void Dispatch(long now)
    {
        foreach (var call in _dealer.Deal(now))
        {
            Answer(now, call);
        }
    }

    /// <summary>A cancellation has been asked for: its worker hears at once where it can.</summary>
    public void TellCancelled(long now, TaskEntry entry)
    {
        if (entry.Worker?.HeldWork is { } held)
        {
            Answer(now, held);
        }
    }

    /// <summary>
    /// A caller has gone. When nobody else waits for the call (a repeat of it does: the broken connection may be noticed after
    /// the repeat has come), nothing is granted to it any more, and the same seq again is a new call.
    /// </summary>
    public static void Abandon(ExchangeCall call)
    {
        if (--call.Callers == 0 && call.IsHeld)
        {
            call.IsHeld = false;
            call.Abandoned = true;
            WorkDealer.StopWaiting(call.Worker!);
        }
    }

    public void EndHolds(long now)
    {
        while (_holds.TryPeek(out var call) && (!call.IsHeld || call.HoldUntil <= now))
        {
            _holds.Dequeue();
            if (call.IsHeld)
            {
                Answer(now, call);
            }
        }
    }

    /// <summary>Answers every held call, and from now on each at once: for shutdown.</summary>
    public void Close(long now)
    {
        _closing = true;
        foreach (var worker in table.Workers.Values)
        {
            if (worker.HeldWork is { } held)
            {
                Answer(now, held);
            }
        }
    }

    public void ClockWasSet(long byMs)
    {
        foreach (var worker in table.Workers.Values)
        {
            worker.LastHeard += byMs;
        }

        foreach (var call in _holds)
        {
            call.ArrivedAt += byMs;
            call.HoldUntil += byMs;
        }
    }

    public void ForgetSilent(long now)
    {
        var silent = now - (long)options.ForgetWorkerAfter.TotalMilliseconds;
        foreach (var worker in table.Workers.Values.Where(w => w.LastHeard < silent && w.Leases.Count == 0 && w.HeldWork is null).ToList())
        {
            _dealer.Leave(worker);
            table.Workers.Remove(worker.Name);
        }

        // A worker that has died keeps nothing free for anybody.
        foreach (var worker in table.Workers.Values)
        {
            if (worker.ReservedFor is not null && worker.HeldWork is null && worker.LastHeard < now - (long)options.LeaseTerm.TotalMilliseconds)
            {
                worker.Unreserve();
            }
        }
    }

    /// <summary>Null: a call of an incarnation that has been replaced.</summary>
    private WorkerState? WorkerOf(long now, ExchangeRequest request)
    {
        if (!table.Workers.TryGetValue(request.Worker, out var worker))
        {
            worker = new WorkerState(request.Worker, request.Incarnation, request.Pool);
            table.Workers.Add(worker.Name, worker);
        }
        else if (worker.Incarnation != request.Incarnation)
        {
            if (worker.IsDead(request.Incarnation))
            {
                return null;
            }

            Replace(now, worker, request.Incarnation);
        }

        if (worker.Pool != request.Pool)
        {
            _dealer.Leave(worker);
            worker.Pool = request.Pool;
        }

        return worker;
    }

    private void Replace(long now, WorkerState worker, string incarnation)
    {
        foreach (var call in worker.Calls)
        {
            if (call is { IsHeld: true })
            {
                Supersede(now, call);
            }
        }

        foreach (var entry in worker.Leases.Values.OrderByDescending(e => e.Lease).ToList())
        {
            life.Lose(now, entry);
        }

        worker.Unreserve();
        worker.Reincarnate(incarnation);
    }

    private void TakeReports(long now, WorkerState worker, ExchangeCall call)
    {
        foreach (var start in call.Request.Starts ?? [])
        {
            TakeStart(now, worker, call, start.Lease);
        }

        foreach (var progress in call.Request.Progress ?? [])
        {
            if (worker.Leases.TryGetValue(progress.Lease, out var entry))
            {
                var at = Math.Max(entry.Info.AdmittedAt, Math.Min(progress.At, now));
                life.MarkStarted(entry, at);
                if (progress.Type != TaskEventTypes.Started)
                {
                    rows.Tell(entry, progress.Type, at, progress.Data);
                }
            }
        }

        foreach (var report in call.Request.Reports ?? [])
        {
            TakeReport(now, worker, call, report);
        }
    }

    private void TakeStart(long now, WorkerState worker, ExchangeCall call, long lease)
    {
        if (!worker.Leases.TryGetValue(lease, out var entry))
        {
            call.Refused.Add(lease);
        }
        else if (entry.StartCommitted)
        {
            call.Started.Add(lease);
        }
        else if (entry.CancelRequested)
        {
            // Told as cancelled; it never starts.
        }
        else if (entry.MayNoLongerStart(now))
        {
            life.GiveBack(now, entry, reported: false);
            call.Refused.Add(lease);
        }
        else
        {
            life.CommitStart(now, entry);
            call.Started.Add(lease);
        }
    }

    private void TakeReport(long now, WorkerState worker, ExchangeCall call, LeaseReport report)
    {
        if (!worker.Leases.TryGetValue(report.Lease, out var entry))
        {
            // Committed before, so accepted again; anything else is no longer this worker's to report.
            if (table.WasAccepted(report.Lease, out _))
            {
                call.Accepted.Add(report.Lease);
            }
            else
            {
                call.Refused.Add(report.Lease);
            }

            return;
        }

        entry.Info = entry.Info.Parsed();
        life.HasRun(now, entry, report.RanMs);
        entry.RetriesUsed = Math.Max(entry.RetriesUsed, report.RetriesUsed);
        switch (report.Kind)
        {
            case ReportKinds.HandedBack:
                life.GiveBack(now, entry, reported: true);
                break;
            // An error that the contract does not know can be told to nobody: the check of what has ended makes it one that is.
            case ReportKinds.RetryAt when !entry.Info.AtMostOnce && Enum.IsDefined(report.Result!.ErrorCode):
                life.MarkStarted(entry, now);
                life.RetryLater(now, entry, report.RetryAfterMs ?? 0, report.Result);
                break;
            default:
                // An at_most_once step is tried again in place only: a retry asked for later is its end.
                life.Finish(now, entry, StepEndings.Checked(entry.Info, report.Result!));
                break;
        }

        table.RememberAccepted(report.Lease, entry.Info.Slots);
        call.Accepted.Add(report.Lease);
    }

    private void Renew(long now, WorkerState worker, ExchangeCall call)
    {
        foreach (var running in call.Request.Running)
        {
            call.Listed.Add(running.Lease);
            if (!worker.Leases.TryGetValue(running.Lease, out var entry))
            {
                if (!table.WasAccepted(running.Lease, out _))
                {
                    call.Refused.Add(running.Lease);
                }

                continue;
            }

            entry.Listed = true;
            life.HasRun(now, entry, running.RanMs);
            entry.RetriesUsed = Math.Max(entry.RetriesUsed, running.RetriesUsed);
            if (running.RanMs > 0)
            {
                life.MarkStarted(entry, now - running.RanMs);
            }

            if (running.RanMs > entry.Info.TimeoutMs + (long)options.OverrunGrace.TotalMilliseconds)
            {
                life.Overrun(now, entry);
                call.Refused.Add(running.Lease);
            }
            else if (!entry.CancelRequested)
            {
                life.Renew(entry, now);
                call.Renewed.Add(running.Lease);
            }
        }

        TakeBack(now, worker, call.Request.Seen, call.Listed);
    }

    /// <summary>
    /// What a call leaves out although its sender had seen the answer that granted it: never received, so not counted. Had the
    /// worker listed it before, it has dropped what it was running: that is a lost delivery.
    /// </summary>
    private void TakeBack(long now, WorkerState worker, SeenSeqs seen, HashSet<long> listed)
    {
        List<TaskEntry>? missing = null;
        foreach (var (lease, entry) in worker.Leases)
        {
            if (!listed.Contains(lease) && entry.Grant.IsSettledFor(seen))
            {
                (missing ??= []).Add(entry);
            }
        }

        foreach (var entry in missing?.OrderByDescending(e => e.Lease) ?? Enumerable.Empty<TaskEntry>())
        {
            if (entry.Listed || entry.StartCommitted)
            {
                life.Lose(now, entry);
            }
            else
            {
                life.GiveBack(now, entry, reported: false);
            }
        }
    }

    private ExchangeCall Conclude(long now, WorkerState worker, ExchangeCall call, ChannelKind channel)
    {
        var news = call.Refused.Any(lease => !worker.RefusedBefore.Contains(lease));
        worker.RefusedBefore = call.Refused;
        var held = worker.HeldWork;
        if (channel == ChannelKind.Report)
        {
            // What this answer grants has used up the room that the held call spoke of; a draining worker wants to know that
            // nothing more comes on it.
            if (held is not null && (call.Leases.Count > 0 || call.Request.Draining))
            {
                Answer(now, held);
            }

            Answer(now, call);
            WorkDealer.WaitWhereFree(worker);
            return call;
        }

        var hasToTell = call.Leases.Count > 0 || call.Accepted.Count > 0 || call.Started.Count > 0 || news
            || worker.Leases.Values.Any(e => e.CancelRequested && !e.CancelTold);
        if (hasToTell || _closing || call.Request.Starts is { Count: > 0 })
        {
            Answer(now, call);
            return call;
        }

        call.IsHeld = true;
        call.HoldUntil = now + (long)options.HoldTime.TotalMilliseconds;
        _holds.Enqueue(call);
        WorkDealer.WaitWhereFree(worker);
        return call;
    }

    private ExchangeCall Supersede(long now, ExchangeCall call)
    {
        Answer(now, call, superseded: true);
        return call;
    }

    /// <summary>
    /// Decides a call's answer. The worker counts its own deadline from its send + held + term, so what the call listed lives
    /// for a whole term from here.
    /// </summary>
    private void Answer(long now, ExchangeCall call, bool superseded = false)
    {
        call.IsHeld = false;
        List<long> cancelled = [];
        if (call.Worker is { } waiting && ReferenceEquals(waiting.Calls[(int)ChannelKind.Work], call))
        {
            WorkDealer.StopWaiting(waiting);
        }

        if (call.Worker is { } worker && !superseded)
        {
            foreach (var lease in call.Renewed)
            {
                if (worker.Leases.TryGetValue(lease, out var entry) && !entry.CancelRequested)
                {
                    life.Renew(entry, now);
                }
            }

            foreach (var entry in worker.Leases.Values)
            {
                if (entry.CancelRequested)
                {
                    entry.CancelTold = true;
                    cancelled.Add(entry.Lease);
                }
            }
        }

        call.Answer = new ExchangeResponse
        {
            Seq = call.Request.Seq,
            Leases = call.Leases,
            Renewed = superseded ? [] : call.Renewed,
            Cancelled = cancelled,
            Refused = [.. call.Refused],
            Accepted = call.Accepted,
            Started = call.Started,
            HeldMs = now - call.ArrivedAt,
            TermMs = (long)options.LeaseTerm.TotalMilliseconds,
            Superseded = superseded,
        };
        Answered.Add(call);
    }
}
