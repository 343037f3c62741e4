using Beamline.Scheduler.Core;

namespace Beamline.Simulation;

/// <summary>
/// The tenants' clients: send tasks by their plans, again when no answer came (the scheduler has died), and some again that were
/// accepted.
/// </summary>
internal sealed class Clients
{
    private readonly Agenda _agenda;
    private readonly Board _board;
    private readonly SimulatedScheduler _scheduler;
    private readonly Random _random;
    private readonly Dictionary<string, SimTask> _unanswered = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _sent = new(StringComparer.Ordinal);
    private long _number;
    private bool _stopped;

    public Clients(SimulationPlan plan, Agenda agenda, Board board, SimulatedScheduler scheduler, Random random)
    {
        (_agenda, _board, _scheduler, _random) = (agenda, board, scheduler, random);
        scheduler.Answered = OnAnswered;
        scheduler.Restarted = SendAgain;
        foreach (var tenant in plan.Tenants)
        {
            agenda.After((long)tenant.From.TotalMilliseconds, () => Begin(tenant));
        }
    }

    public int Accepted { get; private set; }
    public int Refused { get; private set; }

    /// <summary>Told of each task that is accepted, once.</summary>
    public Action<SimTask> OnAccepted { get; set; } = _ => { };

    public bool AllAnswered => _unanswered.Count == 0;

    /// <summary>No more new tasks.</summary>
    public void Stop() => _stopped = true;

    /// <summary>A flooding tenant's task has been leased: another takes its place.</summary>
    public void Replace(SimTask leased)
    {
        if (leased.Tenant.KeepWaiting > 0 && !_stopped && IsOn(leased.Tenant))
        {
            _agenda.After(0, () => Send(leased.Tenant, 1));
        }
    }

    private void Begin(TenantPlan tenant)
    {
        if (_stopped)
        {
            return;
        }

        if (tenant.KeepWaiting > 0)
        {
            Flood(tenant);
        }

        if (tenant.PerSecond > 0)
        {
            Next(tenant);
        }
    }

    private void Flood(TenantPlan tenant)
    {
        if (!_stopped)
        {
            Send(tenant, tenant.KeepWaiting);
            if (tenant.Cycle is { } cycle)
            {
                _agenda.After((long)(cycle.On + cycle.Off).TotalMilliseconds, () => Flood(tenant));
            }
        }
    }

    private void Next(TenantPlan tenant)
    {
        // Poisson arrivals: independent clients.
        var wait = -Math.Log(1 - _random.NextDouble()) * tenant.Burst / tenant.PerSecond * 1000;
        _agenda.After((long)wait, () =>
        {
            if (_stopped || Sent(tenant) >= tenant.Most)
            {
                return;
            }

            if (IsOn(tenant))
            {
                Send(tenant, tenant.Burst);
            }

            Next(tenant);
        });
    }

    private bool IsOn(TenantPlan tenant) =>
        tenant.Cycle is not { } cycle || (_agenda.Elapsed - (long)tenant.From.TotalMilliseconds) % (long)(cycle.On + cycle.Off).TotalMilliseconds < (long)cycle.On.TotalMilliseconds;

    private int Sent(TenantPlan tenant) => _sent.GetValueOrDefault(tenant.Name);

    private void Send(TenantPlan tenant, int count)
    {
        count = Math.Min(count, tenant.Most - Sent(tenant));
        if (count <= 0)
        {
            return;
        }

        _sent[tenant.Name] = Sent(tenant) + count;
        var tasks = new SimTask[count];
        for (var i = 0; i < count; i++)
        {
            tasks[i] = SimTask.Make(++_number, tenant, tenant.Tasks[_random.Next(tenant.Tasks.Count)], _agenda.Now, _random);
            _unanswered.Add(tasks[i].Id, tasks[i]);
            _board.Submitted(tasks[i]);
        }

        _scheduler.Admit(tasks);
    }

    private void SendAgain()
    {
        if (_unanswered.Count > 0)
        {
            SimTask[] again = [.. _unanswered.Values];
            _scheduler.Admit(again);
        }
    }

    private void OnAnswered(SimTask task, AdmitVerdict verdict)
    {
        if (!_unanswered.Remove(task.Id))
        {
            return;
        }

        if (verdict is not (AdmitVerdict.Admitted or AdmitVerdict.Duplicate))
        {
            Refused++;
            _board.Refused(task);
            return;
        }

        Accepted++;
        task.Accepted = true;
        OnAccepted(task);
        if (task.Tenant.Repeats > 0 && _random.NextDouble() < task.Tenant.Repeats)
        {
            _agenda.After(_random.NextInt64(60_000), () => _scheduler.Admit([task]));
        }
    }
}
