using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Workers;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.ExecutorHost.Leases;

/// <summary>
/// Everything the worker holds, and the worker's half of the lease protocol (architecture.md, "Lease"). The channels ask it for
/// calls and give it the answers; the slots tell it how steps ended; the watch tells it that time has passed. Nothing here waits
/// or calls out under the lock.
/// </summary>
internal sealed class LeaseBook
{
    // The contract's: the worker stops two seconds before the scheduler may give the lease to someone else.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(2);

    // With less than this left, a renewal does not wait for the held call: it goes out on the report channel, which answers at once.
    private static readonly TimeSpan RenewEarly = TimeSpan.FromSeconds(2.5);

    private readonly Lock _gate = new(); // Guards everything below, and every HeldLease.
    private readonly HeldLeases _held;
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
        _slots = new SlotTable(worker.Slots, options.MaxMemoryMb);
        // Prefetch is counted in, or very short blocks would stop the flow after every few results.
        _box = new ReportBox(4 * (worker.Slots + SlotTable.MostPrefetch), options.MaxUnreportedBytes, ReportWanted);
        _held = new HeldLeases(options, _slots, _box);
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
                Running = _held.Running(now),
                Offers = _worker.Offers,
                Devices = _worker.Devices,
                MemoryMb = _options.MaxMemoryMb > 0 ? _options.MaxMemoryMb : null,
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
                _held.Receive(lease, _draining);
            }

            foreach (var number in answer.Renewed)
            {
                _held.Renew(number, lostAt);
            }

            var now = Now;
            _held.Begin(answer.Started, now, turn);
            _held.Forget(answer.Accepted);
            _held.Drop(answer.Refused, now, turn);
            _held.Cancel(answer.Cancelled, now, turn);
            var untold = _held.TellAgain(call);
            Fill_NeedsLock(now, turn);
            Told_NeedsLock(wakeReports: !untold && _box.HasSomething);
        }

        Carry(turn);
    }

    /// <summary>The call will have no answer: what it carried goes with the next one, under a new seq.</summary>
    public void GiveUp(ExchangeCall call)
    {
        lock (_gate)
        {
            _held.TellAgain(call);
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
            _held.Leave(lease, report);
            Fill_NeedsLock(Now, turn);
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
            HeldLeases.Arm(lease, Now);
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
            var soonest = _held.Watch(now, turn);
            _renewWanted |= soonest - now < RenewEarly;
            Fill_NeedsLock(now, turn);
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
            _held.HandBackQueued();

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
                _held.Stop(lease, cause, Now, turn);
            }

            Told_NeedsLock(wakeReports: true);
        }

        Carry(turn);
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

    private void Fill_NeedsLock(TimeSpan now, Turn turn)
    {
        if (!_draining)
        {
            _held.Fill(now, turn);
        }
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
