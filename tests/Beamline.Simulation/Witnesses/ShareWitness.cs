using System.Globalization;

namespace Beamline.Simulation.Witnesses;

/// <summary>What counts as received.</summary>
internal enum Charging
{
    /// <summary>The declared estimate when a task is leased, put right by the measured run time when it is reported.</summary>
    EstimateThenMeasured,

    /// <summary>The true cost when a task is leased, known to the simulation beforehand: no scheduler can do so.</summary>
    Truth,
}

/// <summary>
/// Compares what each tenant received of the pool with what it was entitled to. While a tenant is backlogged (something of it is
/// queued and its own limit on running does not hold it) it is entitled to its weight's part, among those backlogged, of all
/// that is handed out to them. Counted from the moment it became backlogged; cost is milliseconds × slots.
/// <para>Judged at each instant: the difference is at most one quantum (the largest charge of the pool, since no task is stopped when
/// another's turn comes) and twice the tenant's own largest charge. Judged over all
/// windows that entitle a tenant to 100 times the largest charge of the pool: it received within 5 % of that.</para>
/// </summary>
internal sealed class ShareWitness(Charging charging) : Witness
{
    private const double WindowTasks = 100;
    private const double WindowTolerance = 0.05;
    private readonly Dictionary<string, Share> _shares = new(StringComparer.Ordinal);
    private Simulation? _simulation;
    private double _weightBacklogged;

    /// <summary>Handed out per unit of weight.</summary>
    private double _handedOut;

    public bool JudgeInstants { get; init; } = true;
    public bool JudgeWindows { get; init; } = true;

    /// <summary>The largest single charge of the pool.</summary>
    public double Quantum { get; private set; }

    /// <summary>The largest difference seen, in parts of what is allowed.</summary>
    public double WorstInstant { get; private set; }

    /// <summary>The largest deviation seen over a window, as a part of what it entitled to.</summary>
    public double WorstWindow { get; private set; }

    /// <summary>Windows judged: none means that nothing was shown.</summary>
    public long Windows { get; private set; }

    public IReadOnlyDictionary<string, Share> Shares => _shares;

    public override void Enter(Simulation simulation) => _simulation = simulation;

    public override void Queued(long now, SimTask task)
    {
        var share = ShareOf(task);
        share.Waiting++;
        Largest(share, CostOf(task));
        Update(share);
    }

    public override void Unqueued(long now, SimTask task)
    {
        var share = ShareOf(task);
        share.Waiting--;
        Update(share);
    }

    public override void Leased(long now, SimTask task)
    {
        var share = ShareOf(task);
        var cost = CostOf(task);
        share.Leases++;
        Judge(now, share);
        Charge(share, cost);
        Judge(now, share);
        share.Waiting--;
        share.Running++;
        Update(share);
    }

    public override void Released(long now, SimTask task, bool reported, long ranMs)
    {
        var share = ShareOf(task);
        if (charging == Charging.EstimateThenMeasured && reported)
        {
            var measured = (double)ranMs * task.Plan.Slots;
            Largest(share, measured);
            Charge(share, measured - task.Candidate.Draft.Cost);
            Judge(now, share);
        }

        share.Running--;
        Update(share);
    }

    public override void Finish(long now)
    {
        foreach (var share in _shares.Values)
        {
            Judge(now, share);
        }
    }

    private double CostOf(SimTask task) => charging == Charging.Truth ? task.TrueCost : task.Candidate.Draft.Cost;

    private void Largest(Share share, double cost)
    {
        Quantum = Math.Max(Quantum, cost);
        share.Largest = Math.Max(share.Largest, cost);
    }

    private void Charge(Share share, double cost)
    {
        share.Received += cost;
        if (share.IsBacklogged)
        {
            _handedOut += cost / _weightBacklogged;
        }
    }

    private Share ShareOf(SimTask task)
    {
        if (!_shares.TryGetValue(task.Tenant.Name, out var share))
        {
            _shares.Add(task.Tenant.Name, share = new Share { Tenant = task.Tenant, MaxRunning = _simulation!.PolicyOf(task.Tenant.Name).MaxRunning });
        }

        return share;
    }

    private void Update(Share share)
    {
        var backlogged = share.Waiting > 0 && share.Running < share.MaxRunning;
        if (backlogged == share.IsBacklogged)
        {
            return;
        }

        share.IsBacklogged = backlogged;
        _weightBacklogged += backlogged ? share.Tenant.Weight : -share.Tenant.Weight;
        if (backlogged)
        {
            share.Begin(_handedOut);
        }
    }

    private void Judge(long now, Share share)
    {
        if (!share.IsBacklogged)
        {
            return;
        }

        var (received, entitled) = (share.Received - share.ReceivedBefore, share.EntitledAt(_handedOut));
        if (JudgeInstants)
        {
            var allowed = Quantum + (2 * share.Largest);
            var part = Math.Abs(received - entitled) / allowed;
            WorstInstant = Math.Max(WorstInstant, part);
            if (part > 1)
            {
                Fail(string.Create(CultureInfo.InvariantCulture, $"at {now - Agenda.Start} ms {share.Tenant.Name} (weight {share.Tenant.Weight}) had received {received:F0} and was entitled to {entitled:F0}; allowed is a difference of {allowed:F0}"));
            }
        }

        if (JudgeWindows && share.Windows.Add(entitled, received, WindowTasks * Quantum) is { } worst)
        {
            Windows++;
            WorstWindow = Math.Max(WorstWindow, worst);
            if (worst > WindowTolerance)
            {
                Fail(string.Create(CultureInfo.InvariantCulture, $"over a window that ended at {now - Agenda.Start} ms {share.Tenant.Name} (weight {share.Tenant.Weight}) was {worst:P1} off what it was entitled to"));
            }
        }
    }
}

/// <summary>One tenant's account.</summary>
internal sealed class Share
{
    public required TenantPlan Tenant { get; init; }
    public required int MaxRunning { get; init; }
    public int Waiting { get; set; }
    public int Running { get; set; }
    public long Leases { get; set; }
    public bool IsBacklogged { get; set; }
    public double Received { get; set; }
    public double Largest { get; set; }

    public double ReceivedBefore { get; private set; }
    public Windows Windows { get; private set; } = new();

    private double _handedOutBefore;

    public double EntitledAt(double handedOut) => Tenant.Weight * (handedOut - _handedOutBefore);

    public void Begin(double handedOut)
    {
        (ReceivedBefore, _handedOutBefore) = (Received, handedOut);
        Windows = new Windows();
    }
}

/// <summary>
/// Every window between two samples that entitles to enough, without looking at each pair. For a window (a, b) received is over
/// (1 + t) × entitled just when received − (1 + t) × entitled has risen from a to b; so for a fixed set of t the smallest value up
/// to the last a that is far enough back decides.
/// </summary>
internal sealed class Windows
{
    private static readonly double[] Steps = [0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.2, 0.5, 1];
    private readonly Queue<(double Entitled, double Received)> _recent = new();
    private readonly double[] _lowest = [.. Steps.Select(_ => double.MaxValue)];
    private readonly double[] _highest = [.. Steps.Select(_ => double.MinValue)];
    private bool _any;

    /// <summary>The worst deviation of the windows that end here, rounded up to one of the steps; null when none is long enough.</summary>
    public double? Add(double entitled, double received, double least)
    {
        _recent.Enqueue((entitled, received));
        while (_recent.TryPeek(out var first) && entitled - first.Entitled >= least)
        {
            _recent.Dequeue();
            _any = true;
            for (var i = 0; i < Steps.Length; i++)
            {
                _lowest[i] = Math.Min(_lowest[i], first.Received - ((1 + Steps[i]) * first.Entitled));
                _highest[i] = Math.Max(_highest[i], first.Received - ((1 - Steps[i]) * first.Entitled));
            }
        }

        if (!_any)
        {
            return null;
        }

        for (var i = 0; i < Steps.Length; i++)
        {
            if (received - ((1 + Steps[i]) * entitled) <= _lowest[i] && received - ((1 - Steps[i]) * entitled) >= _highest[i])
            {
                return Steps[i];
            }
        }

        return double.PositiveInfinity;
    }
}
