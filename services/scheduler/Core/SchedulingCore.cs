using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Core.Fairness;
using Beamline.Scheduler.Core.Tenants;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Core;

/// <summary>
/// The scheduler's decisions, all of them: what is admitted, who gets which task, what a worker's word changes, when time runs
/// out. Pure and deterministic (the caller brings the time, in Unix milliseconds), so that a test or a simulator can drive
/// it; not safe for two threads. What must be kept is collected as changes: nothing may be answered before the batch that
/// holds it, and every batch before it, is committed.
/// </summary>
internal sealed class SchedulingCore
{
    private const long ForgetEveryMs = 60_000;

    /// <summary>Open tasks up to which parsed assignments are kept. Behind more of them what is read again costs little beside the wait.</summary>
    internal const int KeptParsed = 16 * 1024;
    private readonly SchedulingOptions _options;
    private readonly NumberSource _numbers;
    private readonly ChangeSet _changes = new();
    private readonly TenantRegistry _tenants;
    private readonly TaskTable _table;
    private readonly PoolQueues _queues;
    private readonly TaskRows _rows;
    private readonly TaskLife _life;
    private readonly WorkerDesk _desk;
    private readonly CancelMemory _cancels;
    private readonly AdmissionBounds _bounds;
    private readonly TaskExplainer _explainer;
    private readonly ReplayRules _replays;
    private readonly PaceMeter _pace = new();
    private long _nextForget;

    public SchedulingCore(SchedulingOptions options, long epoch, TenantsOptions? tenants = null)
    {
        _options = options;
        _numbers = new NumberSource(epoch);
        _tenants = new TenantRegistry(tenants ?? new TenantsOptions());
        _table = new TaskTable(_tenants);
        _queues = new PoolQueues(options);
        _rows = new TaskRows(_table, _changes, _numbers);
        _life = new TaskLife(options, _table, _queues, _tenants, _rows, _changes, _numbers);
        _desk = new WorkerDesk(options, _table, _queues, _life, _rows);
        _cancels = new CancelMemory(options, _changes);
        _explainer = new TaskExplainer(_table, _queues);
        _bounds = new AdmissionBounds(options, _table, _pace, _explainer);
        _replays = new ReplayRules(_table, _tenants, _life, _changes, _numbers);
    }

    public int OpenTasks => _table.Count;

    public int OutboxRows => _table.OutboxRows;

    public int Leases => _table.Leases.Count;

    public bool HasChanges => !_changes.IsEmpty;

    /// <summary>Queued tasks of each pool.</summary>
    public IEnumerable<(string Pool, int Depth)> Depths => _queues.All.Select(q => (q.Key, q.Value.Count));

    /// <summary>Puts everything back where the ledger says it stood; once, before anything else.</summary>
    public void Restore(long now, RestoredLedger ledger)
    {
        _table.OutboxRows = ledger.OutboxRows;
        foreach (var key in ledger.Keys)
        {
            _table.Index.Add(key.Keys, key.TaskId, key.Alias);
            if (key.AcceptedLease is { } lease)
            {
                _table.RememberAccepted(lease, 0);
            }
        }

        foreach (var cancel in ledger.Cancels)
        {
            _cancels.Restore(cancel);
        }

        _tenants.Restore(now, ledger.CpuUsed ?? []);

        // In the order of the queue: those that waited longest come first.
        foreach (var task in ledger.OpenTasks.OrderBy(t => t.State.QueuedAt).ThenBy(t => t.Info.Id))
        {
            RestoreOne(now, task);
        }

        foreach (var alias in _table.Open.Where(e => e.Info.AliasOf is not null).ToList())
        {
            if (_table.Find(alias.Info.AliasOf!.Value) is { } first)
            {
                first.AddAlias(alias);
            }
        }
    }

    /// <summary>Decides about one assignment. After the last of a batch comes <see cref="Dispatch"/>, so that all of it is spread at once.</summary>
    public AdmitDecision Admit(long now, Candidate candidate, KnownStep? known) => Decide(now, candidate, known);

    /// <summary>Runs a dead-lettered step again, within the same bounds as an admission. <see cref="Dispatch"/> comes after it too.</summary>
    public ReplayVerdict Replay(long now, ReplaySource source) =>
        _replays.Forbids(now, source) ?? (Refusal(now, source.Row.Task) is null ? _replays.Admit(now, source) : ReplayVerdict.Waits);

    /// <summary>Gives what was admitted to the workers that wait.</summary>
    public void Dispatch(long now) => _desk.Dispatch(now);

    /// <summary>The task that holds one of these keys, open or ended, when the ledger has one.</summary>
    public long? Find(TaskKeys keys) => _table.Index.ByAssignment(keys) ?? _table.Index.ByIdentity(keys);

    /// <summary>Why an open task stands where it stands; null when it is not open (then <paramref name="ended"/> is its row, if the ledger has one).</summary>
    public TaskExplanation? Explain(long now, TaskKey task, out long? ended)
    {
        ended = _table.Index.ByAssignment(new TaskKeys(default, TaskKeys.AssignmentKeyOf(task.TenantId, task.AssignmentId)));
        return ended is { } id && _table.Find(id) is { } entry ? _explainer.Explain(now, entry) : null;
    }

    public ExchangeCall Exchange(long now, ExchangeRequest request)
    {
        var call = _desk.Exchange(now, request);
        _desk.Dispatch(now);
        return call;
    }

    /// <summary>False when the worker is new and there is no room for another.</summary>
    public bool HasRoomFor(string worker) => _table.Workers.Count < _options.MaxWorkers || _table.Workers.ContainsKey(worker);

    public static void Abandon(ExchangeCall call) => WorkerDesk.Abandon(call);

    /// <summary>The state after the cancellation; null when the ledger does not know the task (then it is remembered); <paramref name="ended"/> is its row when it had ended before.</summary>
    public TaskPhase? Cancel(long now, ExecCancel cancel, out long? ended)
    {
        ended = null;
        var keys = new TaskKeys(default, TaskKeys.AssignmentKeyOf(cancel.TenantId, cancel.AssignmentId));
        if (_table.Index.ByAssignment(keys) is not { } id)
        {
            _cancels.Remember(now, cancel);
            return null;
        }

        if (_table.Find(id) is not { } entry)
        {
            ended = id;
            return null;
        }

        if (!entry.CancelRequested)
        {
            _life.RequestCancel(now, entry);
            _desk.TellCancelled(now, entry);
        }

        return entry.Phase;
    }

    /// <summary>Takes a decision of somebody who may decide. One that names another id of the same step counts for the step.</summary>
    public ApprovalVerdict Decide(long now, Approval approval)
    {
        var keys = new TaskKeys(default, TaskKeys.AssignmentKeyOf(approval.TenantId, approval.AssignmentId));
        if (_table.Index.ByAssignment(keys) is not { } id || _table.Find(id) is not { } named
            || (named.Info.AliasOf is { } first ? _table.Find(first) : named) is not { } entry)
        {
            return ApprovalVerdict.Ended;
        }

        if (entry.Phase != TaskPhase.AwaitingApproval)
        {
            return ApprovalVerdict.NotAsked;
        }

        if (entry.Due <= now)
        {
            // Too late, though the timer has not struck yet.
            _life.OnTimer(now, entry);
            return ApprovalVerdict.Ended;
        }

        _life.End(now, entry, ApprovalRules.Decided(now, entry, approval));
        return ApprovalVerdict.Decided;
    }

    /// <summary>Lets time pass: terms, timeouts, parked tasks, holds.</summary>
    public void Tick(long now)
    {
        _life.StrikeTimers(now);

        _tenants.Tick(now);

        // Work that has just become due goes to the waiting calls before their holds end.
        _desk.Dispatch(now);
        _desk.EndHolds(now);
        _pace.Observe(now, _table.Ended);
        if (now >= _nextForget)
        {
            _nextForget = now + ForgetEveryMs;
            _desk.ForgetSilent(now);
            _cancels.Expire(now);
            _tenants.Sweep(now);
        }
    }

    /// <summary>
    /// The wall clock was set by so much. What lasts for a time (terms, holds, queue timeouts, waits before a retry) goes on as if
    /// nothing had happened; what names a time of day (not_before, expires_at) is looked at by the new clock.
    /// </summary>
    public void ClockWasSet(long now, long byMs)
    {
        _life.ClockWasSet(now, byMs);
        foreach (var use in _tenants.ClockWasSet(byMs, now))
        {
            _changes.Add(use);
        }

        _queues.ClockWasSet();
        _desk.ClockWasSet(byMs);
        _pace.ClockWasSet(byMs);
        _nextForget += byMs;
    }

    /// <summary>Answers every held call, for shutdown.</summary>
    public void Close(long now) => _desk.Close(now);

    /// <summary>The bus has these many messages fewer to come.</summary>
    public void Published(int rows) => _table.OutboxRows -= rows;

    /// <summary>The ledger no longer holds this row.</summary>
    public void Purged(TaskKeys keys, long taskId) => _table.Index.Remove(keys, taskId);

    /// <summary>A finished message for the bus: of no task of the ledger, or of one that ended earlier.</summary>
    public void TellBus(long at, OutboxKind kind, RawJson data, long? taskId = null)
    {
        _table.OutboxRows++;
        _changes.Add(new OutboxRow { Id = _numbers.NextOutbox(), Kind = kind, TaskId = taskId, At = at, Data = data });
    }

    /// <summary>A dead letter of what could not be parsed.</summary>
    public void DeadLetterRaw(long at, byte[] raw, string? tenantId, string? assignmentId, string reason)
    {
        var row = new DeadLetterRow { Id = _numbers.NextDeadLetter(), TenantId = tenantId, AssignmentId = assignmentId, Reason = reason, Raw = raw, At = at };
        _table.OutboxRows++;
        _changes.Add(row);
        _changes.Add(new OutboxRow { Id = _numbers.NextOutbox(), Kind = OutboxKind.DeadLetter, At = at, DeadLetter = row });
    }

    public bool OutboxIsFull => _bounds.OutboxIsFull;

    /// <summary>What must be committed next.</summary>
    public ChangeBatch TakeChanges() => _changes.Seal(keepParsed: _table.Count < KeptParsed);

    /// <summary>Calls that are decided, to be answered after that commit.</summary>
    public void TakeAnswered(List<ExchangeCall> into)
    {
        into.AddRange(_desk.Answered);
        _desk.Answered.Clear();
    }

    private AdmitDecision Decide(long now, Candidate candidate, KnownStep? known)
    {
        var draft = candidate.Draft;
        if (Find(candidate.Keys) is { } id)
        {
            if (_table.Find(id) is { } open)
            {
                return DecideByOpen(now, candidate, open);
            }

            if (known?.TaskId != id)
            {
                return new AdmitDecision(AdmitVerdict.NeedsRow) { Row = id };
            }
        }

        if (known is not null)
        {
            return DecideByKnown(now, candidate, known);
        }

        return Refusal(now, draft) ?? Insert(now, candidate, aliasOf: null).Decision;
    }

    private AdmitDecision DecideByOpen(long now, Candidate candidate, TaskEntry open)
    {
        if (!open.Info.BodyHash.AsSpan().SequenceEqual(candidate.Draft.BodyHash))
        {
            return new AdmitDecision(AdmitVerdict.Conflict);
        }

        if (open.Info.AssignmentId == candidate.Draft.AssignmentId)
        {
            Watch(open, candidate.Watcher);
            if (candidate.FromBus)
            {
                _rows.AddOutbox(OutboxKind.Ack, open.Info, now, repeated: true);
            }

            return new AdmitDecision(AdmitVerdict.Duplicate) { State = open.Phase.WireName() };
        }

        if (Refusal(now, candidate.Draft) is { } refusal)
        {
            return refusal;
        }

        var (alias, decision) = Insert(now, candidate, open.Info.Id);
        if (!alias.Phase.IsFinal())
        {
            open.AddAlias(alias);
        }

        return decision with { Alias = true };
    }

    private AdmitDecision DecideByKnown(long now, Candidate candidate, KnownStep known)
    {
        if (!known.BodyHash.AsSpan().SequenceEqual(candidate.Draft.BodyHash))
        {
            return new AdmitDecision(AdmitVerdict.Conflict);
        }

        if (known.AssignmentId == candidate.Draft.AssignmentId)
        {
            if (candidate.FromBus)
            {
                RepeatToBus(now, candidate.Draft, known);
            }

            return new AdmitDecision(AdmitVerdict.Duplicate) { State = known.State, Result = known.Result };
        }

        if (Refusal(now, candidate.Draft) is { } refusal)
        {
            return refusal;
        }

        // An alias of what has ended: it ends with the same outcome, under its own ids.
        var (alias, decision) = Insert(now, candidate, known.TaskId ?? 0);
        if (!alias.Phase.IsFinal())
        {
            EndAs(now, alias, known);
        }

        return decision with { Alias = true, State = alias.Phase.WireName(), Ending = alias.Ending };
    }

    private void EndAs(long now, TaskEntry alias, KnownStep known)
    {
        var stored = known.Result is { } bytes ? JsonSerializer.Deserialize(bytes.Utf8.Span, BeamlineJson.Default.ExecResult) : null;
        if (stored is null)
        {
            var gone = new Outcome { Ack = AckStatuses.Accepted, ResultStatus = "error", ErrorCode = Contracts.Errors.ErrorCode.ExecutionFailed, Reason = "result_gone" };
            _life.End(now, alias, gone.ToStepResult(alias.Info.Assignment, $"The step has run as {known.AssignmentId} ({known.State}); its result is no longer kept."));
            return;
        }

        alias.Delivery = stored.Metadata.Delivery;
        _life.End(now, alias, StoredResult.ToStep(alias.Info, stored), stored.Metadata.WorkerId);
    }

    private void RepeatToBus(long now, TaskInfo draft, KnownStep known)
    {
        if (known.TaskId is { } id)
        {
            _rows.AddOutbox(OutboxKind.Ack, draft with { Id = id }, now, repeated: true);
        }
        else
        {
            TellBus(now, OutboxKind.Ack, Acks.Accepted(draft, now, _numbers.NextOutbox()));
        }

        if (known.Result is { } result)
        {
            // Its bytes go along: the step ended before this commit, so there is no ending at hand to make the message from.
            TellBus(now, OutboxKind.Result, result, known.TaskId);
        }
    }

    private AdmitDecision? Refusal(long now, TaskInfo draft) =>
        _bounds.Refuse(now, draft, _tenants.StateOf(draft.TenantId, now), _tenants.Active);

    private (TaskEntry Entry, AdmitDecision Decision) Insert(long now, Candidate candidate, long? aliasOf)
    {
        var tenant = _tenants.StateOf(candidate.Draft.TenantId, now);
        var info = candidate.Draft with { Id = _numbers.NextTask(), AdmittedAt = now, AliasOf = aliasOf, TenantId = tenant.Id };
        var entry = new TaskEntry(info, tenant);
        _table.Add(entry, candidate.Keys);
        Watch(entry, candidate.Watcher);
        _life.Admit(now, entry);
        if (_cancels.Take(now, entry.Info.TenantId, entry.Info.AssignmentId) && !entry.Phase.IsFinal())
        {
            _life.RequestCancel(now, entry);
        }

        return (entry, new AdmitDecision(AdmitVerdict.Admitted) { State = entry.Phase.WireName(), Ending = entry.Ending });
    }

    private void RestoreOne(long now, RestoredTask task)
    {
        var state = task.State;
        var entry = new TaskEntry(_table.Count < KeptParsed ? task.Info : task.Info.Light(), _tenants.StateOf(task.Info.TenantId, now))
        {
            Phase = state.Phase,
            Delivery = state.Delivery,
            IsLastChance = state.Delivery > 1 && state.Delivery >= _options.MaxDeliveries,
            RanMs = state.RanMs,
            RetriesUsed = state.RetriesUsed,
            StartedAt = state.StartedAt,
            StartTold = state.StartedAt is not null,
            EventSequence = state.EventSequence,
            QueuedAt = state.QueuedAt,
            Due = state.Due,
            Lease = state.Lease,
            Reported = state.Reported,
            StartCommitted = state.StartCommitted,
            CancelRequested = state.CancelRequested,
            Stored = true,
            Grant = LeaseGrant.Of(state.Grant),
            TermEnd = now + (long)_options.LeaseTerm.TotalMilliseconds,
        };
        _table.Add(entry, TaskKeys.Of(task.Info));
        if (state.Phase == TaskPhase.Running)
        {
            if (!_table.Workers.TryGetValue(state.Worker!, out var worker))
            {
                worker = new WorkerState(state.Worker!, state.Incarnation!, task.Info.Pool) { LastHeard = now };
                _table.Workers.Add(worker.Name, worker);
            }

            entry.Worker = worker;
            worker.Take(entry);
            _table.Leases.Add(entry.Lease, entry);
        }

        _life.Restore(now, entry);
    }

    private static void Watch(TaskEntry entry, string? watcher)
    {
        // A handful of gateway replicas at most; the bound keeps a task's size bounded.
        if (watcher is not null && entry.Watchers?.Contains(watcher) != true && (entry.Watchers?.Count ?? 0) < 16)
        {
            (entry.Watchers ??= []).Add(watcher);
        }
    }
}
