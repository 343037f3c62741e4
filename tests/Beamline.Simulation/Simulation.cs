using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Simulation;

/// <summary>
/// The real scheduling core among simulated tenants and workers, with a clock of its own: a history of hours takes seconds, and
/// the same plan gives the same history.
/// </summary>
internal sealed class Simulation
{
    private readonly SimulationPlan _plan;
    private readonly IReadOnlyList<Witness> _witnesses;
    private readonly Board _board;
    private readonly LedgerModel _ledger;
    private readonly Network _network;
    private readonly Clients _clients;
    private readonly List<SimulatedWorker> _workers = [];
    private readonly Random _random;
    private bool _isCalm;
    private long _ended;

    public Simulation(SimulationPlan plan, params Witness[] witnesses)
    {
        _plan = plan;
        _random = new Random(plan.Seed);
        _witnesses = [new Counter(this), .. witnesses];
        _board = new Board(Agenda, _witnesses);
        _ledger = new LedgerModel(keepEnded: plan.Crashes.SchedulerEvery > TimeSpan.Zero || plan.Tenants.Any(t => t.Repeats > 0));
        Scheduler = new SimulatedScheduler(plan, Agenda, _board, _ledger);
        _network = new Network(plan.Network, Agenda, Scheduler, new Random(plan.Seed + 1));
        _clients = new Clients(plan, Agenda, _board, Scheduler, new Random(plan.Seed + 2));
        foreach (var worker in plan.Workers)
        {
            _workers.Add(new SimulatedWorker(
                worker, Agenda, _network, id => _board.Tasks.GetValueOrDefault(id), () => LeaseNotOf(worker.Name), _witnesses, new Random(plan.Seed + 3 + _workers.Count)));
        }

        Strike(plan.Crashes.WorkerEvery, () => _workers[_random.Next(_workers.Count)].Crash(DownMs()));
        Strike(plan.Crashes.SchedulerEvery, () => Scheduler.Crash(DownMs()));
        foreach (var witness in witnesses)
        {
            witness.Enter(this);
        }
    }

    public Agenda Agenda { get; } = new();
    public SimulatedScheduler Scheduler { get; }
    public SimulationPlan Plan => _plan;

    /// <summary>What holds for a tenant, defaults filled in.</summary>
    public TenantPolicy PolicyOf(string tenant) => TenantPolicy.Of(_plan.Limits.Overrides[tenant], _plan.Limits.Default);
    public int Accepted => _clients.Accepted;
    public int Refused => _clients.Refused;
    public long Ended => _ended;

    /// <summary>Leases granted.</summary>
    public long Leases { get; private set; }

    /// <summary>Sends <paramref name="told"/> each task that was accepted.</summary>
    public void WhenAccepted(Action<SimTask> told) => _clients.OnAccepted += told;

    /// <summary>Runs to the end; faults are the witnesses' to tell.</summary>
    public void Run()
    {
        var settle = (long)_plan.Settle.TotalMilliseconds;
        long? calm = null;
        while (!IsOver(calm, settle) && Agenda.Step())
        {
            if (calm is null && (Agenda.Elapsed > _plan.Length.TotalMilliseconds || Leases >= _plan.MostLeases))
            {
                calm = Agenda.Elapsed;
                CalmDown();
            }
        }

        foreach (var witness in _witnesses)
        {
            witness.Finish(Agenda.Now);
        }
    }

    private bool IsOver(long? calm, long settle) =>
        calm is { } since && (Agenda.Elapsed >= since + settle || (_clients.AllAnswered && Scheduler.IsDone));

    /// <summary>The weather is fine from now on: everything must come to its end.</summary>
    private void CalmDown()
    {
        _clients.Stop();
        _isCalm = true;
        _network.IsCalm = true;
        _workers.ForEach(w => w.IsCalm = true);
    }

    private long DownMs() => 1 + (long)(_random.NextDouble() * 2 * _plan.Crashes.DownFor.TotalMilliseconds);

    private long? LeaseNotOf(string worker) => _ledger.Open.FirstOrDefault(w => w.State.Worker is { } holder && holder != worker && w.State.Lease > 0)?.State.Lease;

    private void Strike(TimeSpan every, Action crash)
    {
        if (every > TimeSpan.Zero)
        {
            Agenda.After((long)(-Math.Log(1 - _random.NextDouble()) * every.TotalMilliseconds), () =>
            {
                if (!_isCalm)
                {
                    crash();
                    Strike(every, crash);
                }
            });
        }
    }

    /// <summary>Replaces what floods, and counts.</summary>
    private sealed class Counter(Simulation simulation) : Witness
    {
        public override void Leased(long now, SimTask task)
        {
            simulation.Leases++;
            simulation._clients.Replace(task);
        }

        public override void Ended(long now, Beamline.Scheduler.Core.TaskEnding ending) => simulation._ended++;
    }
}
