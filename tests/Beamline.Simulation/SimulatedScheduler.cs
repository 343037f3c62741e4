using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Simulation;

/// <summary>
/// The real core, driven as the engine drives it: each call is sealed at once, sealed batches are committed in groups, a call is
/// answered after the commit that holds its decisions. It can die: what was not committed is lost, and another core, of the next
/// epoch, starts on the ledger.
/// </summary>
internal sealed class SimulatedScheduler
{
    private readonly SimulationPlan _plan;
    private readonly Agenda _agenda;
    private readonly Board _board;
    private readonly LedgerModel _ledger;
    private readonly TenantsOptions _limits;
    private readonly Dictionary<ExchangeCall, List<Action<ExchangeResponse>>> _callers = [];
    private SchedulingCore? _core;
    private Pending _staged = new();
    private bool _committing;
    private long _epoch;

    public SimulatedScheduler(SimulationPlan plan, Agenda agenda, Board board, LedgerModel ledger)
    {
        (_plan, _agenda, _board, _ledger) = (plan, agenda, board, ledger);
        _limits = LimitsOf(plan);
        _core = new SchedulingCore(plan.Scheduling, ++_epoch, _limits);
        agenda.After(plan.TickMs, Tick);
    }

    /// <summary>Up, by the core's own count without open tasks, and everything is committed.</summary>
    public bool IsDone => _core is { OpenTasks: 0 } && !_committing && _staged.IsEmpty;

    /// <summary>Calls that wait for an answer, with what they hold.</summary>
    public IEnumerable<ExchangeCall> HeldCalls => _callers.Keys.Where(c => c.IsHeld);

    public long Calls { get; private set; }

    /// <summary>How a submission is told that it was accepted; called after the commit.</summary>
    public Action<SimTask, AdmitVerdict> Answered { get; set; } = (_, _) => { };

    /// <summary>Called when a scheduler has started again.</summary>
    public Action Restarted { get; set; } = () => { };

    /// <summary>Admits a batch; nothing happens and nothing is answered while no scheduler is up.</summary>
    public void Admit(IReadOnlyList<SimTask> tasks)
    {
        if (_core is not { } core)
        {
            return;
        }

        foreach (var task in tasks)
        {
            var decision = core.Admit(_agenda.Now, task.Candidate, Known(core, task));
            _staged.Answers.Add(() => Answered(task, decision.Verdict));
            Seal(core);
        }

        core.Dispatch(_agenda.Now);
        Seal(core);
        _board.Settle();
    }

    /// <summary>A worker's call; answered through <paramref name="reply"/>, once or never.</summary>
    public void Exchange(ExchangeRequest request, Action<ExchangeResponse> reply)
    {
        if (_core is not { } core)
        {
            return;
        }

        Calls++;
        var call = core.Exchange(_agenda.Now, request);
        if (call.Completion.Task.IsCompleted)
        {
            // Repeated after it was answered: the same answer again.
            reply(call.Answer!);
        }
        else if (_callers.TryGetValue(call, out var callers))
        {
            callers.Add(reply);
        }
        else
        {
            _callers.Add(call, [reply]);
        }

        Seal(core);
        _board.Settle();
    }

    /// <summary>Dies now and comes back later.</summary>
    public void Crash(long downMs)
    {
        if (_core is null)
        {
            return;
        }

        _core = null;
        _staged = new Pending();
        _callers.Clear();
        _committing = false;
        _agenda.After(downMs, Restart);
    }

    private void Restart()
    {
        _core = new SchedulingCore(_plan.Scheduling, ++_epoch, _limits);
        _board.Restarted(_ledger);
        _core.Restore(_agenda.Now, _ledger.Restore());
        Seal(_core);
        _board.Settle();
        Restarted();
    }

    private KnownStep? Known(SchedulingCore core, SimTask task) =>
        core.Find(task.Candidate.Keys) is { } row && _ledger.Ended.TryGetValue(row, out var ended)
            ? new KnownStep(row, ended.Task.AssignmentId, ended.Task.BodyHash, ended.State.Phase.WireName(), null)
            : null;

    private void Tick()
    {
        if (_core is { } core)
        {
            core.Tick(_agenda.Now);
            Seal(core);
            _board.Settle();
        }

        _agenda.After(_plan.TickMs, Tick);
    }

    private void Seal(SchedulingCore core)
    {
        core.TakeAnswered(_staged.Calls);
        if (core.HasChanges)
        {
            var batch = core.TakeChanges();
            _staged.Batches.Add(batch);
            _board.Take(batch);
            core.Published(batch.Outbox.Count);
        }

        if (!_committing && !_staged.IsEmpty)
        {
            Commit();
        }
    }

    private void Commit()
    {
        var pending = _staged;
        _staged = new Pending();
        if (_plan.CommitMs == 0)
        {
            Committed(pending);
            return;
        }

        _committing = true;
        var epoch = _epoch;
        _agenda.After(_plan.CommitMs, () =>
        {
            if (_core is not null && epoch == _epoch)
            {
                _committing = false;
                Committed(pending);
                if (!_staged.IsEmpty)
                {
                    Commit();
                }
            }
        });
    }

    private void Committed(Pending pending)
    {
        foreach (var batch in pending.Batches)
        {
            if (!_ledger.Apply(batch))
            {
                _board.Each(w => w.Fail("a batch holds a row that cannot be: inserted twice, or changed before its insert or after its end"));
            }

            _board.Committed(batch);
        }

        foreach (var call in pending.Calls)
        {
            call.Completion.TrySetResult(call.Answer!);
            if (_callers.Remove(call, out var callers))
            {
                callers.ForEach(reply => reply(call.Answer!));
            }
        }

        pending.Answers.ForEach(answer => answer());
    }

    private static TenantsOptions LimitsOf(SimulationPlan plan)
    {
        foreach (var tenant in plan.Tenants)
        {
            if (!plan.Limits.Overrides.TryGetValue(tenant.Name, out var limits))
            {
                plan.Limits.Overrides.Add(tenant.Name, limits = new TenantLimits());
            }

            limits.Weight = tenant.Weight;
            limits.MaxQueued ??= int.MaxValue;
            limits.MaxPayloadBytes ??= long.MaxValue;
        }

        return plan.Limits;
    }

    private sealed class Pending
    {
        public List<ChangeBatch> Batches { get; } = [];
        public List<ExchangeCall> Calls { get; } = [];
        public List<Action> Answers { get; } = [];
        public bool IsEmpty => Batches.Count + Calls.Count + Answers.Count == 0;
    }
}
