using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Simulation.Witnesses;

/// <summary>
/// Work-conserving: after each call no worker waits with free slots for a task that is queued, of a type that it offers, that fits
/// into them and that no limit of its tenant holds (leases, memory, leases of its key; by own count).
/// <para>Left out, because it is held back on purpose: tasks that declare memory while another task of the tenant that needs more
/// of it waits, and, while a task of several slots waits that no idle worker can take, everything (a worker may be kept for it).</para>
/// </summary>
internal sealed class IdleWitness : Witness
{
    private readonly HashSet<SimTask> _queued = [];
    private readonly Dictionary<string, (int Running, int MemoryMb)> _tenants = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), int> _keys = [];
    private readonly Dictionary<string, TenantPolicy> _policies = new(StringComparer.Ordinal);
    private Simulation? _simulation;

    /// <summary>Looks at idle workers while something was queued: none means that nothing was shown.</summary>
    public long Looks { get; private set; }

    /// <summary>Looks at idle workers.</summary>
    public long IdleLooks { get; private set; }

    public override void Enter(Simulation simulation) => _simulation = simulation;

    public override void Queued(long now, SimTask task) => _queued.Add(task);

    public override void Unqueued(long now, SimTask task) => _queued.Remove(task);

    public override void Leased(long now, SimTask task)
    {
        _queued.Remove(task);
        Count(task, 1);
    }

    public override void Released(long now, SimTask task, bool reported, long ranMs) => Count(task, -1);

    public override void Forget(long now)
    {
        _queued.Clear();
        _tenants.Clear();
        _keys.Clear();
    }

    public override void Settled(long now)
    {
        var idle = _simulation!.Scheduler.HeldCalls.Where(c => c.Request.Free > 0 && c.Leases.Count == 0).ToList();
        IdleLooks += idle.Count;
        if (idle.Count == 0 || _queued.Count == 0 || _queued.Any(t => t.Plan.Slots > 1 && !idle.Exists(c => CanTake(c, t))))
        {
            return;
        }

        Looks++;
        foreach (var task in _queued)
        {
            if (!IsHeld(task) && idle.FirstOrDefault(c => CanTake(c, task)) is { } call)
            {
                Fail($"at {now - Agenda.Start} ms {call.Request.Worker} had {call.Request.Free} slots free while {task.Id} ({task.Plan.Type}, {task.Plan.Slots} slots) was queued since {now - task.QueuedAt} ms");
                return;
            }
        }
    }

    private static bool CanTake(ExchangeCall call, SimTask task) =>
        task.Plan.Slots <= call.Request.Free && call.Request.Offers.Any(o => o.Type == task.Plan.Type);

    private bool IsHeld(SimTask task)
    {
        var policy = PolicyOf(task.Tenant.Name);
        var (running, memory) = _tenants.GetValueOrDefault(task.Tenant.Name);
        if (running >= policy.MaxRunning)
        {
            return true;
        }

        if (task.Plan.MemoryMb > 0
            && _queued.Any(t => t.Tenant.Name == task.Tenant.Name && t.Plan.MemoryMb >= task.Plan.MemoryMb && memory + t.Plan.MemoryMb > policy.MaxMemoryMb))
        {
            return true;
        }

        return task.Key is { } key && _keys.GetValueOrDefault((task.Tenant.Name, key)) >= policy.ForKey(key).MaxRunning;
    }

    private TenantPolicy PolicyOf(string tenant)
    {
        if (!_policies.TryGetValue(tenant, out var policy))
        {
            _policies.Add(tenant, policy = _simulation!.PolicyOf(tenant));
        }

        return policy;
    }

    private void Count(SimTask task, int by)
    {
        var (running, memory) = _tenants.GetValueOrDefault(task.Tenant.Name);
        _tenants[task.Tenant.Name] = (running + by, memory + (by * task.Plan.MemoryMb));
        if (task.Key is { } key)
        {
            _keys[(task.Tenant.Name, key)] = _keys.GetValueOrDefault((task.Tenant.Name, key)) + by;
        }
    }
}
