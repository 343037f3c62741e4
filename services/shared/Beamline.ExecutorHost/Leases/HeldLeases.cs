using Beamline.Contracts.Exchange;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.ExecutorHost.Leases;

/// <summary>
/// Every lease the worker holds, and how one comes from each phase to the next. Guarded by the lock of <see cref="LeaseBook"/>, which
/// owns it; what has to be done outside that lock goes into the <see cref="Turn"/>.
/// <code>
///   granted ─▶ Waiting ─▶ (Starting) ─▶ Running ─▶ Ended ─▶ accepted: forgotten
///                 │            │           │                refused: dropped, at any stage
///                 └────────────┴───────────┴──▶ handed back, cancelled, lost, stuck: Ended as well
/// </code>
/// </summary>
internal sealed class HeldLeases(WorkerOptions options, SlotTable slots, ReportBox box)
{
    private readonly Dictionary<long, HeldLease> _byNumber = [];

    public int Count => _byNumber.Count;

    /// <summary>A later end of its term, when it is still held.</summary>
    public void Renew(long number, TimeSpan lostAt)
    {
        if (_byNumber.TryGetValue(number, out var lease) && lostAt > lease.LostAt)
        {
            lease.LostAt = lostAt;
        }
    }

    /// <summary>Its block has returned. A report that is no longer wanted is dropped.</summary>
    public void Leave(HeldLease lease, LeaseReport report)
    {
        if (lease.Phase == LeasePhase.Running)
        {
            End(lease, report);
        }

        slots.Release(lease);
    }

    public void HandBackQueued()
    {
        foreach (var lease in slots.Queued.ToArray())
        {
            HandBack(lease);
        }
    }

    /// <summary>Looks at every deadline. Gives the soonest end of a term.</summary>
    public TimeSpan Watch(TimeSpan now, Turn turn)
    {
        var soonest = TimeSpan.MaxValue;
        foreach (var lease in slots.Queued.ToArray())
        {
            soonest = lease.LostAt < soonest ? lease.LostAt : soonest;
            if (now - lease.ArrivedAt >= options.UnstartedLimit || now >= lease.LostAt)
            {
                HandBack(lease);
            }
        }

        foreach (var lease in slots.Inside.ToArray())
        {
            soonest = lease.Phase != LeasePhase.Gone && lease.LostAt < soonest ? lease.LostAt : soonest;
            Watch(lease, now, turn);
        }

        return soonest;
    }

    public List<RunningLease> Running(TimeSpan now)
    {
        var running = new List<RunningLease>(_byNumber.Count);
        foreach (var lease in _byNumber.Values)
        {
            var ran = lease.Phase switch
            {
                LeasePhase.Running => Math.Max(1, StopReports.RanMs(lease, now - lease.StartedAt)),
                LeasePhase.Ended => lease.Report!.RanMs,
                _ => 0,
            };
            running.Add(new RunningLease(lease.Number, ran, lease.RetriesUsed));
        }

        return running;
    }

    public void Receive(HeldLease lease, bool draining)
    {
        if (!_byNumber.TryAdd(lease.Number, lease))
        {
            return;
        }

        if (lease.Report is { } unreadable)
        {
            End(lease, unreadable);
        }
        else if (draining)
        {
            End(lease, StopReports.HandedBack(lease));
        }
        else
        {
            slots.Enqueue(lease);
        }
    }

    /// <summary>
    /// Gives free slots to those who wait. at_most_once asks for its start only now, with the slots in hand: from the committed
    /// start on it counts as run.
    /// </summary>
    public void Fill(TimeSpan now, Turn turn)
    {
        while (slots.Admit() is { } lease)
        {
            if (lease.Wire.StartRequired)
            {
                lease.Phase = LeasePhase.Starting;
                lease.StartedAt = now;
                box.AddStart(lease.Number);
            }
            else
            {
                Run(lease, now, turn);
            }
        }
    }

    public void Begin(IReadOnlyList<long> started, TimeSpan now, Turn turn)
    {
        foreach (var number in started)
        {
            if (_byNumber.TryGetValue(number, out var lease) && lease.Phase == LeasePhase.Starting)
            {
                Run(lease, now, turn);
            }
        }
    }

    private static void Run(HeldLease lease, TimeSpan now, Turn turn)
    {
        lease.Phase = LeasePhase.Running;
        lease.StartedAt = now;
        lease.EndsAt = now + TimeSpan.FromMilliseconds(lease.Wire.RemainingMs);
        lease.Attempt = new CancellationTokenSource();
        Arm(lease, now);
        turn.Launch(lease);
    }

    public static void Arm(HeldLease lease, TimeSpan now)
    {
        if (lease.Job.AttemptTimeoutMs is { } limit)
        {
            lease.AttemptEndsAt = now + TimeSpan.FromMilliseconds(limit);
        }
    }

    public void Forget(IReadOnlyList<long> accepted)
    {
        foreach (var number in accepted)
        {
            if (_byNumber.TryGetValue(number, out var lease) && lease.Phase == LeasePhase.Ended)
            {
                _byNumber.Remove(number);
                box.Forget(lease);
                lease.Phase = LeasePhase.Gone;
            }
        }
    }

    public void Drop(IReadOnlyList<long> refused, TimeSpan now, Turn turn)
    {
        foreach (var number in refused)
        {
            if (!_byNumber.Remove(number, out var lease))
            {
                continue;
            }

            switch (lease.Phase)
            {
                case LeasePhase.Waiting:
                    slots.Unqueue(lease);
                    break;
                case LeasePhase.Starting:
                    slots.Release(lease);
                    break;
                case LeasePhase.Running:
                    Stop(lease, StopCause.LostLease, now, turn);
                    break;
                case LeasePhase.Ended:
                    box.Forget(lease);
                    break;
            }

            lease.Phase = LeasePhase.Gone;
        }
    }

    public void Cancel(IReadOnlyList<long> cancelled, TimeSpan now, Turn turn)
    {
        foreach (var number in cancelled)
        {
            if (_byNumber.TryGetValue(number, out var lease))
            {
                Stop(lease, StopCause.User, now, turn);
            }
        }
    }

    public void Stop(HeldLease lease, StopCause cause, TimeSpan now, Turn turn)
    {
        switch (lease.Phase)
        {
            case LeasePhase.Waiting:
                slots.Unqueue(lease);
                End(lease, StopReports.Of(lease, cause, TimeSpan.Zero));
                break;
            case LeasePhase.Starting:
                slots.Release(lease);
                End(lease, cause == StopCause.User ? StopReports.Of(lease, cause, TimeSpan.Zero) : StopReports.HandedBack(lease));
                break;
            case LeasePhase.Running when lease.Stop == StopCause.None || (cause == StopCause.LostLease && lease.Stop != cause):
                lease.Stop = cause;
                lease.StoppedAt ??= now;
                turn.Cancel(lease);
                break;
        }
    }

    private void Watch(HeldLease lease, TimeSpan now, Turn turn)
    {
        if (lease.Phase is LeasePhase.Running or LeasePhase.Starting && now >= lease.LostAt)
        {
            Stop(lease, StopCause.LostLease, now, turn);
        }

        if (lease.Phase == LeasePhase.Running)
        {
            if (now >= lease.EndsAt)
            {
                Stop(lease, StopCause.Deadline, now, turn);
            }
            else if (lease.Cpu is { IsOver: true })
            {
                Stop(lease, StopCause.CpuTime, now, turn);
            }
            else if (now >= lease.AttemptEndsAt && !lease.AttemptTimedOut && lease.Stop == StopCause.None)
            {
                lease.AttemptTimedOut = true;
                lease.StoppedAt ??= now;
                turn.Cancel(lease);
            }
        }

        if (!lease.Stuck && lease.StoppedAt is { } stopped && now - stopped >= options.StuckGrace)
        {
            slots.GiveUp(lease);
            turn.Stuck(lease);
            if (lease.Phase == LeasePhase.Running)
            {
                var cause = lease.Stop != StopCause.None ? lease.Stop : StopCause.AttemptTimeout;
                End(lease, StopReports.Of(lease, cause, now - lease.StartedAt, stuck: true));
            }
        }
    }

    private void End(HeldLease lease, LeaseReport report)
    {
        lease.Phase = LeasePhase.Ended;
        lease.Report = report;
        lease.ReportBytes = 512 + (report.Result?.Outputs?.Length ?? 0) + (report.Result?.ErrorDetails?.Length ?? 0);
        box.Add(lease);
    }

    /// <summary>
    /// True when the answer left something unsaid: it goes out again with the next tick rather than at once, since a scheduler
    /// that does not mention a report now will not do so a microsecond later.
    /// </summary>
    public bool TellAgain(ExchangeCall call)
    {
        var untold = false;
        foreach (var lease in call.Reports ?? [])
        {
            if (lease.Phase == LeasePhase.Ended)
            {
                box.PutBack(lease);
                untold = true;
            }
        }

        foreach (var start in call.Request.Starts ?? [])
        {
            if (_byNumber.TryGetValue(start.Lease, out var lease) && lease.Phase == LeasePhase.Starting)
            {
                box.PutBack(start);
                untold = true;
            }
        }

        return untold;
    }

    private void HandBack(HeldLease lease)
    {
        slots.Unqueue(lease);
        End(lease, StopReports.HandedBack(lease));
    }
}
