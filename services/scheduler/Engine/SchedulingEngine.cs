using Beamline.Contracts.Admission;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Admission;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Identity;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Reading;

namespace Beamline.Scheduler.Engine;

/// <summary>
/// The scheduling core behind one lock, and the ledger behind the core. A call decides under the lock, which stages changes,
/// and is answered when the commit that holds them is done; memory may be ahead of the ledger by what is staged.
/// </summary>
public sealed class SchedulingEngine : IAsyncDisposable
{
    private readonly LedgerStore _ledger;
    private readonly IdentityLookup _lookup;
    private readonly EngineOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SchedulerMetrics? _metrics;
    private readonly CommitLoop _commits;
    private readonly Task _committing;
    private readonly ITimer _timer;

    /// <summary>Guards the core, the clock and what is staged.</summary>
    private readonly Lock _gate = new();
    private readonly SchedulingCore _core;
    private readonly EngineClock _clock;
    private List<ExchangeCall> _answered = [];
    private TaskCompletionSource _staged = NewCompletion();
    private Task _inFlight = Task.CompletedTask;
    private bool _disposed;

    private SchedulingEngine(
        LedgerStore ledger, SchedulingCore core, IdentityLookup lookup, IReadOnlyList<ICommitListener> listeners, EngineOptions options, TimeProvider time, ILogger logger, SchedulerMetrics? metrics)
    {
        _ledger = ledger;
        _core = core;
        _lookup = lookup;
        _options = options;
        _time = time;
        _metrics = metrics;
        _clock = new EngineClock(time);
        _logger = logger;
        _commits = new CommitLoop(ledger, options, listeners, TakeStaged, metrics, time, logger);
        _committing = Task.Run(_commits.RunAsync);
        _timer = time.CreateTimer(_ => Tick(), null, options.TickEvery, options.TickEvery);
    }

    /// <summary>The disk takes no commits at present; what was accepted is safe, and nothing new is accepted.</summary>
    public bool IsStalled => _commits.IsStalled;

    /// <summary>Ends when the engine is disposed, or with the failure after which it can commit no more.</summary>
    internal Task Completion => _committing;

    /// <summary>Starts on the ledger as the last scheduler left it. The ledger stays the caller's to close, after this.</summary>
    internal static SchedulingEngine Start(
        LedgerStore ledger, IdentityLookup lookup, IEnumerable<ICommitListener> listeners, SchedulingOptions scheduling, TenantsOptions tenants, EngineOptions options, TimeProvider time, ILogger logger, SchedulerMetrics? metrics = null)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        ArgumentNullException.ThrowIfNull(time);
        var core = new SchedulingCore(scheduling, ledger.Epoch, tenants);
        var started = time.GetTimestamp();
        var restored = ledger.Restore();
        var read = time.GetElapsedTime(started);
        core.Restore(time.GetUtcNow().ToUnixTimeMilliseconds(), restored);
        var placed = time.GetElapsedTime(started) - read;
        logger.LedgerTaken(ledger.Epoch, core.OpenTasks, core.OutboxRows, (long)read.TotalMilliseconds, (long)placed.TotalMilliseconds);
        var engine = new SchedulingEngine(ledger, core, lookup, [.. listeners], options, time, logger, metrics);
        metrics?.EngineStarted(engine);
        return engine;
    }

    /// <summary>
    /// Admits what is new, recognises what is not, refuses what there is no room for: one outcome an item, in order, within
    /// <see cref="EngineOptions.AdmitWithin"/>. Accepted means committed. What comes over the bus is acknowledged there too.
    /// </summary>
    /// <param name="items">The assignments with who sends them.</param>
    /// <param name="watcher">Whose stream gets the results of the items that wait.</param>
    /// <param name="cancellation">The caller has gone: the outcome is not told, but stands.</param>
    public async Task<IReadOnlyList<AdmitOutcome>> AdmitAsync(IReadOnlyList<AdmitItem> items, string? watcher, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(items);
        var outcomes = await AdmitAllAsync(items, watcher, cancellation).ConfigureAwait(false);
        foreach (var outcome in outcomes)
        {
            _metrics?.Answered(outcome.Status);
        }

        return outcomes;
    }

    /// <summary>Runs dead-lettered steps again: one verdict each, in order, when it is committed. With no room, or a disk that takes no writes, all else waits.</summary>
    internal async Task<IReadOnlyList<ReplayVerdict>> ReplayAsync(IReadOnlyList<ReplaySource> sources, CancellationToken cancellation)
    {
        if (IsStalled)
        {
            return [.. sources.Select(_ => ReplayVerdict.Waits)];
        }

        IReadOnlyList<ReplayVerdict> verdicts;
        Task committed;
        lock (_gate)
        {
            var now = Now_NeedsLock();
            verdicts = [.. sources.Select(source => _core.Replay(now, source))];
            _core.Dispatch(now);
            committed = Staged_NeedsLock();
        }

        await committed.WaitAsync(cancellation).ConfigureAwait(false);
        return verdicts;
    }

    /// <summary>Cancels a task; answered when that is committed. What ended before keeps its end.</summary>
    public async Task<CancelTaskResponse> CancelAsync(ExecCancel cancel, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(cancel);
        if (!TaskIds.CanBe(cancel.TenantId, cancel.AssignmentId))
        {
            return new CancelTaskResponse { Found = false };
        }

        TaskPhase? phase;
        long? ended;
        Task committed;
        lock (_gate)
        {
            phase = _core.Cancel(Now_NeedsLock(), cancel, out ended);
            committed = Staged_NeedsLock();
        }

        await committed.WaitAsync(cancellation).ConfigureAwait(false);
        if (ended is { } row)
        {
            var rows = await _ledger.Reader.EndedAsync([row], cancellation).ConfigureAwait(false);
            return new CancelTaskResponse { Found = true, State = rows.GetValueOrDefault(row)?.State };
        }

        return new CancelTaskResponse { Found = phase is not null, State = phase?.WireName() };
    }

    /// <summary>
    /// Ends a task that waits for a person. The caller has seen that this person may decide. Answered when that, and whatever
    /// was decided before it, is committed.
    /// </summary>
    internal async Task<ApprovalVerdict> DecideAsync(Approval approval, CancellationToken cancellation)
    {
        ApprovalVerdict verdict;
        Task committed;
        lock (_gate)
        {
            verdict = _core.Decide(Now_NeedsLock(), approval);
            committed = Staged_NeedsLock();
        }

        await committed.WaitAsync(cancellation).ConfigureAwait(false);
        return verdict;
    }

    /// <summary>Why a task stands where it stands; null when the tenant has no such task. Nothing is written for it.</summary>
    public async Task<TaskExplanation?> ExplainAsync(TaskKey task, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (!TaskIds.CanBe(task.TenantId, task.AssignmentId))
        {
            return null;
        }

        long? ended;
        lock (_gate)
        {
            if (_core.Explain(Now_NeedsLock(), task, out ended) is { } explanation)
            {
                return explanation;
            }
        }

        return ended is not null && await _ledger.Reader.TaskAsync(task, cancellation).ConfigureAwait(false) is { } view
            ? new TaskExplanation { AssignmentId = task.AssignmentId, TenantId = task.TenantId, State = view.State, Reasons = [] }
            : null;
    }

    /// <summary>
    /// One turn with a worker: held while there is nothing to say, answered after the commit of everything it says. The request
    /// must have passed <see cref="Exchange.ExchangeRules"/>.
    /// </summary>
    public async Task<ExchangeResponse> ExchangeAsync(ExchangeRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        ExchangeCall call;
        lock (_gate)
        {
            call = _core.Exchange(Now_NeedsLock(), request);
            Stage_NeedsLock();
        }

        try
        {
            return await call.Completion.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            lock (_gate)
            {
                SchedulingCore.Abandon(call);
            }

            throw;
        }
    }

    /// <summary>False when the worker is not known and there is no room for another.</summary>
    public bool HasRoomFor(string worker)
    {
        lock (_gate)
        {
            return _core.HasRoomFor(worker);
        }
    }

    /// <summary>The bus has these messages: the ledger owes them no more.</summary>
    public async Task MarkPublishedAsync(IReadOnlyList<long> outboxIds, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(outboxIds);
        await _ledger.DeleteOutboxAsync(outboxIds, cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            _core.Published(outboxIds.Count);
        }
    }

    /// <summary>
    /// Purges up to <paramref name="limit"/> tasks that ended before <paramref name="endedBefore"/>, whose keys are confirmed and
    /// whose messages are published, with their events. Returns how many.
    /// </summary>
    public async Task<int> PurgeAsync(DateTimeOffset endedBefore, int limit, CancellationToken cancellation)
    {
        var before = endedBefore.ToUnixTimeMilliseconds();
        var purged = await _ledger.RunAsync((connection, transaction) => LedgerPurge.Run(connection, transaction, before, limit), cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            foreach (var row in purged)
            {
                _core.Purged(row.Keys, row.TaskId);
            }
        }

        return purged.Count;
    }

    /// <summary>The number of queued tasks in each pool, of open tasks, of leases in force and of messages owed to the bus.</summary>
    public EngineDepths Depths()
    {
        lock (_gate)
        {
            return new EngineDepths([.. _core.Depths], _core.OpenTasks, _core.Leases, _core.OutboxRows);
        }
    }

    /// <summary>Answers every held call, and from now on each call at once. First at shutdown.</summary>
    public void ReleaseHeld()
    {
        lock (_gate)
        {
            _core.Close(Now_NeedsLock());
            Stage_NeedsLock();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _timer.DisposeAsync().ConfigureAwait(false);
        ReleaseHeld();
        _commits.Stop();
        await _committing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _commits.Dispose();
    }

    private static TaskCompletionSource NewCompletion() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task<IReadOnlyList<AdmitOutcome>> AdmitAllAsync(IReadOnlyList<AdmitItem> items, string? watcher, CancellationToken cancellation)
    {
        var admission = new AdmissionItem[items.Count];
        for (var i = 0; i < admission.Length; i++)
        {
            admission[i] = AdmissionItem.Read(items[i], watcher);
        }

        if (IsStalled)
        {
            return [.. admission.Select(i => i.Refused("The scheduler's disk takes no writes at present. Try again."))];
        }

        using var limit = new CancellationTokenSource(_options.AdmitWithin, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            await DecideAsync(admission, both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // Too late, or the commit was given up. It may still be committed; the same bytes again are then a duplicate.
            return [.. admission.Select(i => i.Refused("The scheduler could not commit in time. Try again with the same ids."))];
        }

        return [.. admission.Select(i => i.ToOutcome())];
    }

    /// <summary>
    /// Decides every item, and waits for the commit. In rounds: what cannot be decided yet is asked for (the state store about
    /// what the ledger does not hold, the ledger about what has ended), and what changes in between is asked for again.
    /// </summary>
    private async Task DecideAsync(AdmissionItem[] admission, CancellationToken cancellation)
    {
        const int Rounds = 5;
        for (var round = 1; ; round++)
        {
            Task committed;
            List<AdmissionItem> unknown = [];
            List<(AdmissionItem Item, long Row)> ended = [];
            lock (_gate)
            {
                var now = Now_NeedsLock();
                foreach (var item in admission)
                {
                    Decide_NeedsLock(now, item, unknown, ended);
                }

                _core.Dispatch(now);
                committed = Staged_NeedsLock();
            }

            if (round == Rounds)
            {
                unknown.ForEach(item => item.Undecided = "The step's row changes too fast to be read. Try again.");
                ended.ForEach(each => each.Item.Undecided = "The step's row changes too fast to be read. Try again.");
            }
            else if (unknown.Count + ended.Count > 0)
            {
                await AskStoreAsync(unknown, cancellation).ConfigureAwait(false);
                await ReadEndedAsync(ended, committed, cancellation).ConfigureAwait(false);
                continue;
            }

            await committed.WaitAsync(cancellation).ConfigureAwait(false);
            return;
        }
    }

    private async Task AskStoreAsync(List<AdmissionItem> unknown, CancellationToken cancellation)
    {
        if (unknown.Count == 0)
        {
            return;
        }

        var answers = await _lookup([.. unknown.Select(i => i.ToQuery())], cancellation).ConfigureAwait(false);
        for (var i = 0; i < answers.Count; i++)
        {
            unknown[i].Asked = true;
            unknown[i].Undecided = answers[i].Knowledge == IdentityKnowledge.Unavailable
                ? "The state store does not answer, so it cannot be told whether this step has run before. Try again."
                : null;
            unknown[i].Known = answers[i] is { Knowledge: IdentityKnowledge.Known, AssignmentId: { } id, BodyHash: { } hash, Status: { } state }
                ? new KnownStep(null, id, hash, state, answers[i].Result)
                : null;
        }
    }

    private async Task ReadEndedAsync(List<(AdmissionItem Item, long Row)> ended, Task committed, CancellationToken cancellation)
    {
        if (ended.Count == 0)
        {
            return;
        }

        // The row may be ended in memory and not yet on the disk.
        await committed.WaitAsync(cancellation).ConfigureAwait(false);
        var rows = await _ledger.Reader.EndedAsync([.. ended.Select(e => e.Row).Distinct()], cancellation).ConfigureAwait(false);
        foreach (var (item, row) in ended)
        {
            item.Known = rows.GetValueOrDefault(row);
        }
    }

    private void Decide_NeedsLock(long now, AdmissionItem item, List<AdmissionItem> unknown, List<(AdmissionItem, long)> ended)
    {
        if (item.Decision is not null || item.Undecided is not null)
        {
            return;
        }

        if (item.Candidate is { } candidate)
        {
            // Also what the ledger held a moment ago: a row is purged once the state store remembers its step, so that is asked.
            if (!item.Asked && item.Known is null && _core.Find(candidate.Keys) is null)
            {
                unknown.Add(item);
                return;
            }

            var decision = _core.Admit(now, candidate, item.Known);
            if (decision.Verdict == AdmitVerdict.NeedsRow)
            {
                ended.Add((item, decision.Row!.Value));
                return;
            }

            item.Decision = decision;
        }

        if (item.FromBus && item.Rejection() is { } error)
        {
            Rejections.Tell(_core, now, item, error);
        }
    }

    private void Tick()
    {
        lock (_gate)
        {
            _core.Tick(Now_NeedsLock());
            Stage_NeedsLock();
        }
    }

    private long Now_NeedsLock()
    {
        var now = _clock.Now(out var jumpMs);
        if (jumpMs != 0)
        {
            _logger.ClockWasSet(jumpMs);
            _core.ClockWasSet(now, jumpMs);
        }

        return now;
    }

    /// <summary>Wakes the commit loop when there is something for it.</summary>
    private void Stage_NeedsLock()
    {
        _core.TakeAnswered(_answered);
        if (_core.HasChanges || _answered.Count > 0)
        {
            _commits.Wake();
        }
    }

    /// <summary>Done when everything decided so far is committed.</summary>
    private Task Staged_NeedsLock()
    {
        Stage_NeedsLock();
        return _core.HasChanges ? _staged.Task : _inFlight;
    }

    private PendingCommit TakeStaged()
    {
        lock (_gate)
        {
            var changes = _core.TakeChanges();
            var answered = _answered;
            _answered = [];
            if (changes.IsEmpty)
            {
                // Nobody waits for this: _staged stays for the changes that are still to come.
                return new PendingCommit(changes, answered, NewCompletion());
            }

            var pending = new PendingCommit(changes, answered, _staged);
            _inFlight = _staged.Task;
            _staged = NewCompletion();
            return pending;
        }
    }
}

/// <summary>How much waits where.</summary>
public sealed record EngineDepths(IReadOnlyList<(string Pool, int Depth)> Queued, int OpenTasks, int Leases, int OutboxRows);
