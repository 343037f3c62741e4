using Beamline.Scheduler.Core.Fairness;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core;

/// <summary>
/// What leases cost their tenants: an estimate when they are granted, what was measured as soon as it is more, and the truth at their
/// end; and the places that they take in the tenants' limits meanwhile.
/// </summary>
internal sealed class LeaseCosts(PoolQueues queues, TenantRegistry tenants, ChangeSet changes)
{
    public void Begin(long now, TaskEntry entry)
    {
        (entry.GrantedAt, entry.RanBefore) = (now, entry.RanMs);
        tenants.Leased(entry, now);
    }

    /// <summary>A lease from before a restart goes on. What it ran until then belongs to shares that nobody remembers.</summary>
    public void Restore(long now, TaskEntry entry)
    {
        (entry.GrantedAt, entry.RanBefore) = (now, entry.RanMs);
        tenants.Leased(entry, now, isStart: false);
    }

    /// <summary>A worker tells how long the task has run so far, over all its leases. What ran for longer than was expected is charged at once.</summary>
    public void HasRun(long now, TaskEntry entry, long ranMs)
    {
        entry.RanMs = Math.Max(entry.RanMs, ranMs);
        if (CostOf(now, entry) is var cost && cost > entry.Charged)
        {
            queues.Of(entry.Info.Pool).Recharge(entry, cost);
        }
    }

    /// <summary>A run has ended: what the next ones are expected to cost, and what CPU time it used.</summary>
    public void Measured(long now, TaskEntry entry, long cpuMs)
    {
        queues.Of(entry.Info.Pool).Measured(entry, CostOf(now, entry) / entry.Info.Slots);

        // No step uses more than its machine could in the time that the lease was out.
        var most = (now - entry.GrantedAt) * 1024;
        if (tenants.Used(entry.Tenant, now, Math.Min(cpuMs, most)) is { } slot)
        {
            changes.Add(new CpuUse(entry.Info.TenantId, slot.Start, slot.UsedMs));
        }
    }

    /// <param name="now">Unix milliseconds.</param>
    /// <param name="entry">Its lease is over.</param>
    /// <param name="ran">False: it never ran under this lease, which costs nothing.</param>
    public void End(long now, TaskEntry entry, bool ran)
    {
        queues.Of(entry.Info.Pool).Recharge(entry, ran ? CostOf(now, entry) : 0);
        entry.Charged = 0;
        tenants.Released(entry, now);
    }

    /// <summary>What the lease in force has cost, in milliseconds × slots, as far as its worker's word can be believed.</summary>
    private static double CostOf(long now, TaskEntry entry) =>
        Math.Max(1, Math.Min(entry.RanMs - entry.RanBefore, now - entry.GrantedAt)) * (double)entry.Info.Slots;
}
