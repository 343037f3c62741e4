using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core.Fairness;
using Beamline.Scheduler.Core.Tenants;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Core;

/// <summary>
/// The ways a task may go, each with the rows it leaves behind:
/// <code>
///            admit ──▶ queued ──grant──▶ running ──report──▶ success | error | timeout | cancelled
///              │        ▲  ▲ └─timeouts, cancel─▶ final         │
///     not_before        │  └── given back, worker lost ─────────┤
///              └─▶ parked ◀──────── retry later ────────────────┘
/// </code>
/// A task that needs a person instead of a worker never comes into a queue: where others are queued it begins to wait
/// (<see cref="ApprovalRules"/>), and a decision, its waiting time or a cancellation ends it.
/// Deterministic: no clock, no threads, no IO.
/// </summary>
internal sealed class TaskLife(
    SchedulingOptions options, TaskTable table, PoolQueues queues, TenantRegistry tenants, TaskRows rows, ChangeSet changes, NumberSource numbers)
{
    private readonly LeaseCosts _costs = new(queues, tenants, changes);
    private readonly TimerWheel _timers = new();

    /// <summary>Lets the timers strike that are due.</summary>
    public void StrikeTimers(long now)
    {
        while (_timers.Next(now) is { } entry)
        {
            OnTimer(now, entry);
        }
    }

    /// <summary>Opens a task that was not there before.</summary>
    public void Admit(long now, TaskEntry entry)
    {
        changes.Touch(entry);
        rows.Tell(entry, TaskEventTypes.Accepted, now);
        rows.AddOutbox(OutboxKind.Ack, entry.Info, now);
        Open(now, entry);
    }

    /// <summary>Opens a task that runs again: its assignment has been acknowledged.</summary>
    public void Replay(long now, TaskEntry entry, RawJson data)
    {
        changes.Touch(entry);
        rows.Tell(entry, TaskEventTypes.Replayed, now, data);
        Open(now, entry);
    }

    private void Open(long now, TaskEntry entry)
    {
        if (entry.Info.AliasOf is not null)
        {
            entry.QueuedAt = now;
        }
        else if (entry.Info.NotBefore > now)
        {
            Park(now, entry, entry.Info.NotBefore);
        }
        else
        {
            Enqueue(now, entry);
        }
    }

    /// <summary>Puts a task back where the ledger says it stood.</summary>
    public void Restore(long now, TaskEntry entry)
    {
        switch (entry.Phase)
        {
            case TaskPhase.Queued when entry.Info.AliasOf is null:
                queues.Of(entry.Info.Pool).Add(entry, TenantRegistry.KeyOf(entry, now), returns: false);
                SetWaitTimer(entry);
                break;
            case TaskPhase.Parked:
                SetWaitTimer(entry);
                break;
            case TaskPhase.Running:
                _costs.Restore(now, entry);
                _timers.Set(entry, entry.TermEnd);
                break;
            case TaskPhase.AwaitingApproval:
                // Whoever decided in time while no scheduler ran is still heard: the bus delivers it within the same grace as a lease has.
                entry.Due = Math.Max(entry.Due, entry.TermEnd);
                SetWaitTimer(entry);
                break;
        }
    }

    /// <summary>Gives the task to a worker, for one term.</summary>
    public void Grant(long now, TaskEntry entry, WorkerState worker, ChannelKind channel, long seq)
    {
        queues.Of(entry.Info.Pool).Take(worker.Line!, entry);
        entry.Phase = TaskPhase.Running;
        entry.Lease = numbers.NextLease();
        entry.Reported = false;
        entry.Worker = worker;
        entry.Grant = new LeaseGrant(channel, seq);
        entry.Listed = entry.StartTold = entry.StartCommitted = entry.CancelTold = false;
        table.Leases.Add(entry.Lease, entry);
        worker.Take(entry);
        _costs.Begin(now, entry);
        Renew(entry, now);
        changes.Touch(entry);
    }

    /// <summary>A worker tells how long the task has run so far, over all its leases.</summary>
    public void HasRun(long now, TaskEntry entry, long ranMs) => _costs.HasRun(now, entry, ranMs);

    /// <summary>A new term. The timer stays where it is and is moved on when it strikes: renewals are many.</summary>
    public void Renew(TaskEntry entry, long now)
    {
        entry.TermEnd = Math.Max(entry.TermEnd, now + (long)options.LeaseTerm.TotalMilliseconds);
        if (!entry.HasTimer || entry.TimerDue > entry.TermEnd)
        {
            _timers.Set(entry, entry.TermEnd);
        }
    }

    /// <summary>The step is known to run.</summary>
    public void MarkStarted(TaskEntry entry, long at)
    {
        if (entry.StartTold)
        {
            return;
        }

        // A worker's word on times is taken within what can be: no step starts before it was admitted.
        at = Math.Max(at, entry.Info.AdmittedAt);
        entry.StartTold = true;
        entry.StartedAt ??= at;
        changes.Touch(entry);
        rows.Tell(entry, TaskEventTypes.Started, at, EventData.Of(("worker_id", entry.Worker!.Name), ("delivery", entry.Delivery)));
    }

    /// <summary>Commits that an at_most_once step starts now: it is never given out again.</summary>
    public void CommitStart(long now, TaskEntry entry)
    {
        entry.StartCommitted = true;
        changes.Touch(entry);
        MarkStarted(entry, now);
    }

    /// <summary>Back to its old place in the queue, not counted: the step never ran under this lease.</summary>
    public void GiveBack(long now, TaskEntry entry, bool reported)
    {
        DropLease(now, entry, ran: false);
        entry.Reported = reported;
        entry.StartCommitted = false;
        if (entry.CancelRequested)
        {
            End(now, entry, StepEndings.Cancelled(entry));
            return;
        }

        Requeue(now, entry, returns: true);
    }

    /// <summary>The lease ended without a report: counted, and given out again while deliveries are left.</summary>
    public void Lose(long now, TaskEntry entry)
    {
        var worker = entry.Worker?.Name;
        DropLease(now, entry);
        if (entry.CancelRequested)
        {
            End(now, entry, StepEndings.Cancelled(entry), worker);
        }
        else if (entry.StartCommitted || entry.Delivery >= options.MaxDeliveries)
        {
            End(now, entry, StepEndings.WorkerLost(entry), worker, Outcomes.Reasons.WorkerLost);
        }
        else
        {
            entry.Delivery++;
            entry.IsLastChance = entry.Delivery >= options.MaxDeliveries;
            rows.Tell(entry, TaskEventTypes.Redelivered, now, EventData.Of(("worker_id", worker), ("delivery", entry.Delivery)));
            // The next wait is one of its own, so it has a whole queue timeout; its place is still the old one.
            entry.Due = now + entry.Info.QueueTimeoutMs;
            Requeue(now, entry, returns: true);
        }
    }

    /// <summary>The worker wants the next attempt later: parked, not counted, limits freed.</summary>
    public void RetryLater(long now, TaskEntry entry, long delayMs, StepResult? failed)
    {
        var worker = entry.Worker!.Name;
        DropLease(now, entry);
        entry.Reported = true;
        var until = now + delayMs;
        if (entry.CancelRequested)
        {
            End(now, entry, StepEndings.Cancelled(entry), worker);
        }
        else if (entry.RanMs >= entry.Info.TimeoutMs)
        {
            End(now, entry, StepEndings.TimedOut(entry), worker);
        }
        else if (until >= entry.Info.ExpiresAt)
        {
            End(now, entry, StepEndings.Expired(entry), worker);
        }
        else
        {
            rows.Tell(entry, TaskEventTypes.Retrying, now, EventData.Of(
                ("retries_used", entry.RetriesUsed),
                ("retry_after_ms", delayMs),
                ("error", failed is null ? null : ErrorCatalogue.NameOf(failed.ErrorCode))));
            Park(now, entry, until);
        }
    }

    /// <summary>The worker's final word.</summary>
    public void Finish(long now, TaskEntry entry, StepResult step)
    {
        var worker = entry.Worker!.Name;
        MarkStarted(entry, now - Math.Max(0, step.LatencyMs));
        _costs.Measured(now, entry, step.Metrics?.CpuTimeMs ?? 0);
        DropLease(now, entry);
        entry.Reported = true;
        // A cancellation that came first wins over a failure (it may be its cause), never over work that was done.
        var cancelled = entry.CancelRequested && step.Status != StepStatus.Ok;
        End(now, entry, cancelled ? StepEndings.Cancelled(entry) with { Metrics = step.Metrics } : step, worker);
    }

    /// <summary>The step runs on past its total run time and its worker does not stop it.</summary>
    public void Overrun(long now, TaskEntry entry)
    {
        var worker = entry.Worker?.Name;
        DropLease(now, entry);
        End(now, entry, entry.CancelRequested ? StepEndings.Cancelled(entry) : StepEndings.TimedOut(entry), worker);
    }

    public void RequestCancel(long now, TaskEntry entry)
    {
        if (entry.Phase == TaskPhase.Running)
        {
            // Not renewed from now on: the worker's own deadline stops a block that does not listen, and the term's end settles it.
            entry.CancelRequested = true;
            changes.Touch(entry);
            return;
        }

        End(now, entry, StepEndings.Cancelled(entry));
    }

    /// <summary>Ends a task and, with the same outcome, those that wait for it under other ids.</summary>
    public void End(long now, TaskEntry entry, StepResult step, string? worker = null, string? deadLetterReason = null)
    {
        EndOne(now, entry, step, worker, deadLetterReason);
        if (entry.Aliases is { } aliases)
        {
            foreach (var alias in aliases)
            {
                if (!alias.Phase.IsFinal())
                {
                    alias.Delivery = entry.Delivery;
                    EndOne(now, alias, AsOf(alias.Info, step), worker, deadLetterReason);
                }
            }

            entry.DropAliases();
        }
    }

    public void OnTimer(long now, TaskEntry entry)
    {
        switch (entry.Phase)
        {
            case TaskPhase.Running when entry.TermEnd > now:
                _timers.Set(entry, entry.TermEnd);
                break;
            case TaskPhase.Running:
                Lose(now, entry);
                break;
            case TaskPhase.AwaitingApproval when entry.Due <= now:
                End(now, entry, ApprovalRules.TimedOut(now, entry));
                break;
            case TaskPhase.AwaitingApproval:
                SetWaitTimer(entry);
                break;
            case var _ when entry.MayNoLongerStart(now):
                End(now, entry, StepEndings.Expired(entry));
                break;
            case TaskPhase.Parked when entry.Due <= now:
                Enqueue(now, entry);
                break;
            case TaskPhase.Queued when entry.Due <= now:
                End(now, entry, StepEndings.QueueTimeout(entry, queues.IsOffered(now, entry.Info)));
                break;
            default:
                SetWaitTimer(entry);
                break;
        }
    }

    /// <summary>Moves every end of a span of time along with the clock. Looks at all open tasks, and may: it is rare.</summary>
    public void ClockWasSet(long now, long byMs)
    {
        _timers.StartAfresh(now);
        foreach (var entry in table.Open)
        {
            // What it has waited decides its place, and what it has run its cost.
            (entry.QueuedAt, entry.QueueKey, entry.GrantedAt) = (entry.QueuedAt + byMs, entry.QueueKey + byMs, entry.GrantedAt + byMs);
            if (entry.Phase == TaskPhase.Running)
            {
                entry.TermEnd += byMs;
                changes.Touch(entry);
                _timers.Set(entry, entry.TermEnd);
            }
            else if (entry.Info.AliasOf is null)
            {
                entry.Due += entry.Phase == TaskPhase.Parked && entry.Due == entry.Info.NotBefore ? 0 : byMs;
                changes.Touch(entry);
                SetWaitTimer(entry);
            }
        }
    }

    private static StepResult AsOf(TaskInfo alias, StepResult step) => step with { Metadata = StepMetadata.Of(alias.Assignment) };

    private void Enqueue(long now, TaskEntry entry)
    {
        entry.QueuedAt = now;
        if (!entry.Info.NeedsWorker)
        {
            Ask(now, entry);
            return;
        }

        entry.Due = now + entry.Info.QueueTimeoutMs;
        Requeue(now, entry, returns: false);
    }

    /// <summary>The question, its event and its timer are one change: however often the scheduler restarts, people are asked once.</summary>
    private void Ask(long now, TaskEntry entry)
    {
        if (entry.MayNoLongerStart(now))
        {
            End(now, entry, StepEndings.Expired(entry));
            return;
        }

        ApprovalRules.Begin(now, entry);
        SetWaitTimer(entry);
        rows.Tell(entry, TaskEventTypes.ApprovalNeeded, now, ApprovalRules.Question(entry));
    }

    private void Requeue(long now, TaskEntry entry, bool returns)
    {
        if (entry.RanMs >= entry.Info.TimeoutMs)
        {
            End(now, entry, StepEndings.TimedOut(entry));
            return;
        }

        if (entry.MayNoLongerStart(now))
        {
            End(now, entry, StepEndings.Expired(entry));
            return;
        }

        entry.Phase = TaskPhase.Queued;
        changes.Touch(entry);
        queues.Of(entry.Info.Pool).Add(entry, TenantRegistry.KeyOf(entry, now), returns);
        SetWaitTimer(entry);
    }

    private void Park(long now, TaskEntry entry, long until)
    {
        if (entry.Info.ExpiresAt <= Math.Max(now, until))
        {
            End(now, entry, StepEndings.Expired(entry));
            return;
        }

        entry.Phase = TaskPhase.Parked;
        entry.Due = until;
        changes.Touch(entry);
        SetWaitTimer(entry);
    }

    // expires_at bounds the start. Who waits for a person has started.
    private void SetWaitTimer(TaskEntry entry) =>
        _timers.Set(entry, entry.Phase == TaskPhase.AwaitingApproval ? entry.Due : Math.Min(entry.Due, entry.Info.ExpiresAt));

    private void DropLease(long now, TaskEntry entry, bool ran = true)
    {
        _costs.End(now, entry, ran);
        table.Leases.Remove(entry.Lease);
        entry.Worker?.Drop(entry);
        entry.Worker = null;
        entry.TermEnd = 0;
        _timers.Remove(entry);
        changes.Touch(entry);
    }

    private void EndOne(long now, TaskEntry entry, StepResult step, string? worker, string? deadLetterReason)
    {
        entry.Info = entry.Info.Parsed();
        var outcome = Outcomes.For(step);
        if (entry.Info.NeedsWorker)
        {
            queues.Of(entry.Info.Pool).Remove(entry);
        }

        _timers.Remove(entry);
        entry.Phase = step.Status switch
        {
            StepStatus.Ok => TaskPhase.Success,
            StepStatus.Timeout => TaskPhase.Timeout,
            StepStatus.Cancelled => TaskPhase.Cancelled,
            _ => TaskPhase.Error,
        };
        var ending = new TaskEnding
        {
            Task = entry.Info,
            Phase = entry.Phase,
            Step = step,
            Worker = worker,
            Delivery = entry.Delivery,
            EndedAt = now,
            Watchers = entry.Watchers ?? [],
        };
        entry.Ending = ending;
        changes.Touch(entry);
        changes.Add(ending);
        rows.AddOutbox(OutboxKind.Result, entry.Info, now, ending);
        // The step failed once, under whatever ids it was submitted: its own dead letter tells of it, none of an alias.
        var deadLettered = outcome.DeadLetter && entry.Info.AliasOf is null;
        if (deadLettered)
        {
            rows.DeadLetter(now, entry, ending, outcome, deadLetterReason);
        }

        foreach (var type in outcome.LastEvents)
        {
            if (deadLettered || type != TaskEventTypes.DeadLettered)
            {
                rows.Tell(entry, type, now);
            }
        }

        table.Close(entry);
    }
}
