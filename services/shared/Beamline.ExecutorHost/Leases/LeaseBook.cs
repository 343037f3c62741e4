using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Workers;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.ExecutorHost.Leases;

/// <summary>
/// Everything the worker holds, and the worker's half of the lease protocol (architecture.md, "Lease"). The channels ask it for
/// calls and give it the answers; the slots tell it how steps ended; the watch tells it that time has passed. Nothing here waits
/// or calls out under the lock.
/// <code>
///   answer ─▶ Waiting ─▶ (Starting) ─▶ Running ─▶ Ended ─▶ accepted: forgotten
///                │            │           │                refused: dropped, at any stage
///                └────────────┴───────────┴──▶ handed back, cancelled, lost, stuck: Ended as well
/// </code>
/// </summary>
internal sealed class LeaseBook
{
    // The contract's: the worker stops two seconds before the scheduler may give the lease to someone else.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(2);

    // With less than this left, a renewal does not wait for the held call: it goes out on the report channel, which answers at once.
    private static readonly TimeSpan RenewEarly = TimeSpan.FromSeconds(2.5);

    private readonly Lock _gate = new(); // Guards everything below, and every HeldLease.
    private readonly Dictionary<long, HeldLease> _held = [];
    private readonly SlotTable _slots;
    private readonly ReportBox _box;
    private readonly WorkerIdentity _worker;
    private readonly WorkerOptions _options;
    private readonly TimeProvider _clock;
    private readonly long _origin;
    private TaskCompletionSource? _emptied;
    private long _workSeq;
    private long _reportSeq;
    private SeenSeqs _seen = new(0, 0);
    private bool _draining;
    private bool _renewWanted;

    public LeaseBook(WorkerIdentity worker, WorkerOptions options, TimeProvider clock)
    {
        (_worker, _options, _clock) = (worker, options, clock);
        _origin = clock.GetTimestamp();
        _slots = new SlotTable(worker.Slots);
        // Prefetch is counted in, or very short blocks would stop the flow after every few results.
        _box = new ReportBox(4 * (worker.Slots + SlotTable.MostPrefetch), options.MaxUnreportedBytes);
    }

    /// <summary>Runs a lease that has its slots; set once, before the first answer. Called outside the lock.</summary>
    public Action<HeldLease> Launch { get; set; } = static _ => { };

    /// <summary>Cancels an attempt; called outside the lock, where the block's own callbacks may run.</summary>
    public Action<HeldLease, CancellationTokenSource> CancelAttempt { get; set; } = static (_, attempt) => attempt.Cancel();

    /// <summary>Told of a block that has ignored its token past the grace.</summary>
    public Action<HeldLease> BlockStuck { get; set; } = static _ => { };

    /// <summary>Set when the report channel has something to say.</summary>
    public Signal ReportWanted { get; } = new();

    /// <summary>True when so many results wait for the scheduler that no more work is taken.</summary>
    public bool IsFull
    {
        get
        {
            lock (_gate)
            {
                return _box.IsFull;
            }
        }
    }

    /// <summary>True when the worker drains and holds nothing any more.</summary>
    public bool IsDrained
    {
        get
        {
            lock (_gate)
            {
                return _draining && _held.Count == 0;
            }
        }
    }

    /// <summary>Monotonic, from the worker's start.</summary>
    public TimeSpan Now => _clock.GetElapsedTime(_origin);

    public BookState State
    {
        get
        {
            lock (_gate)
            {
                return new BookState(_slots.Busy, _slots.Waiting, _slots.Stuck, _box.Count, _draining);
            }
        }
    }

    /// <summary>Completes once nothing is held: everything was told and accepted. What comes in later is not waited for.</summary>
    public Task WhenEmptyAsync()
    {
        lock (_gate)
        {
            return _held.Count == 0
                ? Task.CompletedTask
                : (_emptied ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Assignments whose blocks run.</summary>
    public IReadOnlyList<string> RunningIds()
    {
        lock (_gate)
        {
            return [.. _slots.Inside.Select(lease => lease.Wire.AssignmentId)];
        }
    }

    /// <summary>The next call on a channel; null on the report channel when there is nothing to say.</summary>
    public ExchangeCall? Open(string channel)
    {
        lock (_gate)
        {
            var reporting = channel == ExchangeChannels.Report;
            if (reporting && !_box.HasSomething && !_renewWanted)
            {
                return null;
            }

            var now = Now;
            var reports = reporting ? _box.TakeReports() : null;
            var request = new ExchangeRequest
            {
                Worker = _worker.Id,
                Incarnation = _worker.Incarnation,
                Pool = _worker.Pool,
                Channel = channel,
                Seq = reporting ? ++_reportSeq : ++_workSeq,
                Seen = _seen,
                Free = _draining || _box.IsFull ? 0 : _slots.Free(now),
                Running = Running_NeedsLock(now),
                Offers = _worker.Offers,
                Devices = _worker.Devices,
                Reports = reports is null ? null : [.. reports.Select(lease => lease.Report!)],
                Starts = reporting ? _box.TakeStarts() : null,
                Progress = reporting ? _box.TakeProgress() : null,
                Draining = _draining,
            };
            _renewWanted &= !reporting;
            return new ExchangeCall(request, now, reports);
        }
    }

    /// <summary>Takes an answer in: whatever it grants, renews, accepts, starts, cancels or refuses.</summary>
    public void Settle(ExchangeCall call, ExchangeResponse answer)
    {
        var granted = answer.Leases.Count == 0 ? [] : LeaseReading.Read(answer.Leases, _worker.Slots, Now);
        var turn = new Turn();
        lock (_gate)
        {
            Saw_NeedsLock(call, answer);
            // The scheduler counts the term from its answer; the first send was before the call's arrival, so this is earlier.
            var lostAt = call.FirstSent + TimeSpan.FromMilliseconds(answer.HeldMs + answer.TermMs) - Margin;
            foreach (var lease in granted)
            {
                lease.LostAt = lostAt;
                Receive_NeedsLock(lease);
            }

            foreach (var number in answer.Renewed)
            {
                if (_held.TryGetValue(number, out var lease) && lostAt > lease.LostAt)
                {
                    lease.LostAt = lostAt;
                }
            }

            Begin_NeedsLock(answer.Started, turn);
            Forget_NeedsLock(answer.Accepted);
            Drop_NeedsLock(answer.Refused, turn);
            Cancel_NeedsLock(answer.Cancelled, turn);
            var untold = TellAgain_NeedsLock(call);
            Fill_NeedsLock(turn);
            Told_NeedsLock(wakeReports: !untold && _box.HasSomething);
        }

        Carry(turn);
    }

    /// <summary>The call will have no answer: what it carried goes with the next one, under a new seq.</summary>
    public void GiveUp(ExchangeCall call)
    {
        lock (_gate)
        {
            TellAgain_NeedsLock(call);
        }
    }

    /// <summary>A step has ended in its slots. Gives the next lease for them, already running, or null.</summary>
    /// <param name="lease">What has ended.</param>
    /// <param name="report">How; dropped when the lease was lost or reported without its block meanwhile.</param>
    /// <param name="ran">How long it was really running, for the mean.</param>
    public HeldLease? Finish(HeldLease lease, LeaseReport report, TimeSpan ran)
    {
        var turn = new Turn();
        lock (_gate)
        {
            _slots.Ran(ran);
            if (lease.Phase == LeasePhase.Running)
            {
                End_NeedsLock(lease, report);
            }

            _slots.Release(lease);
            Fill_NeedsLock(turn);
            Told_NeedsLock(wakeReports: true);
        }

        var next = turn.TakeLaunch();
        Carry(turn);
        return next;
    }

    /// <summary>Starts the clock of an attempt after a wait in place.</summary>
    public void BeginAttempt(HeldLease lease)
    {
        lock (_gate)
        {
            Arm_NeedsLock(lease, Now);
        }
    }

    /// <summary>A new token for the wait before the next attempt and for that attempt; already fired when the step was stopped.</summary>
    public CancellationToken BeginRetry(HeldLease lease, RawJson note)
    {
        lock (_gate)
        {
            lease.RetriesUsed++;
            lease.AttemptEndsAt = TimeSpan.MaxValue;
            lease.AttemptTimedOut = false;
            if (lease.Stop != StopCause.None)
            {
                return new CancellationToken(canceled: true);
            }

            lease.StoppedAt = null;
            lease.Attempt = new CancellationTokenSource();
            _box.AddNote(new LeaseProgress(lease.Number, "retrying", _clock.GetUtcNow().ToUnixTimeMilliseconds(), note));
            return lease.Attempt.Token;
        }
    }

    public StopCause CauseOf(HeldLease lease)
    {
        lock (_gate)
        {
            return lease.Stop != StopCause.None ? lease.Stop : lease.AttemptTimedOut ? StopCause.AttemptTimeout : StopCause.None;
        }
    }

    /// <summary>Keeps the latest progress of a step; the watch sends it along within a tick.</summary>
    public void Progress(HeldLease lease, RawJson data)
    {
        lock (_gate)
        {
            if (lease.Phase == LeasePhase.Running)
            {
                _box.SetProgress(lease, new LeaseProgress(lease.Number, "progress", _clock.GetUtcNow().ToUnixTimeMilliseconds(), data));
            }
        }
    }

    /// <summary>Looks at every deadline. Called every few milliseconds, so that no step needs timers of its own.</summary>
    public void Tick()
    {
        var turn = new Turn();
        lock (_gate)
        {
            var now = Now;
            var soonest = TimeSpan.MaxValue;
            foreach (var lease in _slots.Queued.ToArray())
            {
                soonest = lease.LostAt < soonest ? lease.LostAt : soonest;
                if (now - lease.ArrivedAt >= _options.UnstartedLimit || now >= lease.LostAt)
                {
                    _slots.Unqueue(lease);
                    End_NeedsLock(lease, StopReports.HandedBack(lease));
                }
            }

            foreach (var lease in _slots.Inside.ToArray())
            {
                soonest = lease.Phase != LeasePhase.Gone && lease.LostAt < soonest ? lease.LostAt : soonest;
                Watch_NeedsLock(lease, now, turn);
            }

            _renewWanted |= soonest - now < RenewEarly;
            Fill_NeedsLock(turn);
            Told_NeedsLock(wakeReports: _renewWanted || _box.HasSomething);
        }

        Carry(turn);
    }

    /// <summary>Takes no more work and hands back what has not started.</summary>
    public void BeginDrain()
    {
        lock (_gate)
        {
            _draining = true;
            // The scheduler is to know at once that it must not grant anything more on the held call.
            _renewWanted = true;
            foreach (var lease in _slots.Queued.ToArray())
            {
                _slots.Unqueue(lease);
                End_NeedsLock(lease, StopReports.HandedBack(lease));
            }

            Told_NeedsLock(wakeReports: true);
        }
    }

    /// <summary>Stops everything that runs.</summary>
    public void StopAll(StopCause cause)
    {
        var turn = new Turn();
        lock (_gate)
        {
            foreach (var lease in _slots.Inside.ToArray())
            {
                Stop_NeedsLock(lease, cause, turn);
            }

            Told_NeedsLock(wakeReports: true);
        }

        Carry(turn);
    }

    private List<RunningLease> Running_NeedsLock(TimeSpan now)
    {
        var running = new List<RunningLease>(_held.Count);
        foreach (var lease in _held.Values)
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

    private void Saw_NeedsLock(ExchangeCall call, ExchangeResponse answer)
    {
        var seq = call.Request.Seq;
        if (call.Request.Channel == ExchangeChannels.Report)
        {
            _seen = _seen with { Report = seq };
            _slots.RoundTrip(Now - call.FirstSent - TimeSpan.FromMilliseconds(answer.HeldMs));
        }
        else
        {
            _seen = _seen with { Work = seq };
        }
    }

    private void Receive_NeedsLock(HeldLease lease)
    {
        if (!_held.TryAdd(lease.Number, lease))
        {
            return;
        }

        if (lease.Report is { } unreadable)
        {
            End_NeedsLock(lease, unreadable);
        }
        else if (_draining)
        {
            End_NeedsLock(lease, StopReports.HandedBack(lease));
        }
        else
        {
            _slots.Enqueue(lease);
        }
    }

    // Gives free slots to those who wait. at_most_once asks for its start only now, with the slots in hand: from the
    // committed start on it counts as run.
    private void Fill_NeedsLock(Turn turn)
    {
        while (!_draining && _slots.Admit() is { } lease)
        {
            if (lease.Wire.StartRequired)
            {
                lease.Phase = LeasePhase.Starting;
                lease.StartedAt = Now;
                _box.AddStart(lease.Number);
                ReportWanted.Set();
            }
            else
            {
                Run_NeedsLock(lease, turn);
            }
        }
    }

    private void Begin_NeedsLock(IReadOnlyList<long> started, Turn turn)
    {
        foreach (var number in started)
        {
            if (_held.TryGetValue(number, out var lease) && lease.Phase == LeasePhase.Starting)
            {
                Run_NeedsLock(lease, turn);
            }
        }
    }

    private void Run_NeedsLock(HeldLease lease, Turn turn)
    {
        var now = Now;
        lease.Phase = LeasePhase.Running;
        lease.StartedAt = now;
        lease.EndsAt = now + TimeSpan.FromMilliseconds(lease.Wire.RemainingMs);
        lease.Attempt = new CancellationTokenSource();
        Arm_NeedsLock(lease, now);
        turn.Launch(lease);
    }

    private static void Arm_NeedsLock(HeldLease lease, TimeSpan now)
    {
        if (lease.Job.AttemptTimeoutMs is { } limit)
        {
            lease.AttemptEndsAt = now + TimeSpan.FromMilliseconds(limit);
        }
    }

    private void Forget_NeedsLock(IReadOnlyList<long> accepted)
    {
        foreach (var number in accepted)
        {
            if (_held.TryGetValue(number, out var lease) && lease.Phase == LeasePhase.Ended)
            {
                _held.Remove(number);
                _box.Forget(lease);
                lease.Phase = LeasePhase.Gone;
            }
        }
    }

    private void Drop_NeedsLock(IReadOnlyList<long> refused, Turn turn)
    {
        foreach (var number in refused)
        {
            if (!_held.Remove(number, out var lease))
            {
                continue;
            }

            switch (lease.Phase)
            {
                case LeasePhase.Waiting:
                    _slots.Unqueue(lease);
                    break;
                case LeasePhase.Starting:
                    _slots.Release(lease);
                    break;
                case LeasePhase.Running:
                    Stop_NeedsLock(lease, StopCause.LostLease, turn);
                    break;
                case LeasePhase.Ended:
                    _box.Forget(lease);
                    break;
            }

            lease.Phase = LeasePhase.Gone;
        }
    }

    private void Cancel_NeedsLock(IReadOnlyList<long> cancelled, Turn turn)
    {
        foreach (var number in cancelled)
        {
            if (_held.TryGetValue(number, out var lease))
            {
                Stop_NeedsLock(lease, StopCause.User, turn);
            }
        }
    }

    private void Stop_NeedsLock(HeldLease lease, StopCause cause, Turn turn)
    {
        switch (lease.Phase)
        {
            case LeasePhase.Waiting:
                _slots.Unqueue(lease);
                End_NeedsLock(lease, StopReports.Of(lease, cause, TimeSpan.Zero));
                break;
            case LeasePhase.Starting:
                _slots.Release(lease);
                End_NeedsLock(lease, cause == StopCause.User ? StopReports.Of(lease, cause, TimeSpan.Zero) : StopReports.HandedBack(lease));
                break;
            case LeasePhase.Running when lease.Stop == StopCause.None || (cause == StopCause.LostLease && lease.Stop != cause):
                lease.Stop = cause;
                lease.StoppedAt ??= Now;
                turn.Cancel(lease);
                break;
        }
    }

    private void Watch_NeedsLock(HeldLease lease, TimeSpan now, Turn turn)
    {
        if (lease.Phase is LeasePhase.Running or LeasePhase.Starting && now >= lease.LostAt)
        {
            Stop_NeedsLock(lease, StopCause.LostLease, turn);
        }

        if (lease.Phase == LeasePhase.Running)
        {
            if (now >= lease.EndsAt)
            {
                Stop_NeedsLock(lease, StopCause.Deadline, turn);
            }
            else if (now >= lease.AttemptEndsAt && !lease.AttemptTimedOut && lease.Stop == StopCause.None)
            {
                lease.AttemptTimedOut = true;
                lease.StoppedAt ??= now;
                turn.Cancel(lease);
            }
        }

        if (!lease.Stuck && lease.StoppedAt is { } stopped && now - stopped >= _options.StuckGrace)
        {
            _slots.GiveUp(lease);
            turn.Stuck(lease);
            if (lease.Phase == LeasePhase.Running)
            {
                var cause = lease.Stop != StopCause.None ? lease.Stop : StopCause.AttemptTimeout;
                End_NeedsLock(lease, StopReports.Of(lease, cause, now - lease.StartedAt, stuck: true));
            }
        }
    }

    private void End_NeedsLock(HeldLease lease, LeaseReport report)
    {
        lease.Phase = LeasePhase.Ended;
        lease.Report = report;
        lease.ReportBytes = 512 + (report.Result?.Outputs?.Length ?? 0) + (report.Result?.ErrorDetails?.Length ?? 0);
        _box.Add(lease);
        ReportWanted.Set();
    }

    // True when the answer left something unsaid: it goes out again with the next tick rather than at once, since a scheduler
    // that does not mention a report now will not do so a microsecond later.
    private bool TellAgain_NeedsLock(ExchangeCall call)
    {
        var untold = false;
        foreach (var lease in call.Reports ?? [])
        {
            if (lease.Phase == LeasePhase.Ended)
            {
                _box.PutBack(lease);
                untold = true;
            }
        }

        foreach (var start in call.Request.Starts ?? [])
        {
            if (_held.TryGetValue(start.Lease, out var lease) && lease.Phase == LeasePhase.Starting)
            {
                _box.AddStart(start.Lease);
                untold = true;
            }
        }

        return untold;
    }

    private void Told_NeedsLock(bool wakeReports)
    {
        if (wakeReports)
        {
            ReportWanted.Set();
        }

        if (_held.Count == 0)
        {
            _emptied?.TrySetResult();
            _emptied = null;
        }
    }

    private void Carry(Turn turn)
    {
        foreach (var (lease, attempt) in turn.Cancels)
        {
            CancelAttempt(lease, attempt);
        }

        foreach (var lease in turn.StuckOnes)
        {
            BlockStuck(lease);
        }

        turn.LaunchAll(Launch);
    }
}

/// <summary>How full the worker is.</summary>
internal readonly record struct BookState(int Busy, int Waiting, int Stuck, int Unreported, bool Draining);
