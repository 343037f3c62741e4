using Beamline.Scheduler.Core.Fairness;

namespace Beamline.Scheduler.Core.Tenants;

/// <summary>Why nothing of a tenant or of a concurrency key may start now.</summary>
internal enum Hold
{
    None,

    /// <summary>As many leases as allowed are in force.</summary>
    Running,

    /// <summary>As many leases were granted a second as allowed.</summary>
    StartRate,

    /// <summary>The CPU time of the window is used up.</summary>
    CpuTime,
}

/// <summary>What one tenant has in hand now. Owned by the core; changed by <see cref="TenantRegistry"/> alone.</summary>
internal sealed class TenantState(string id, TenantPolicy policy, long cpuWindowMs, long now)
{
    public string Id { get; } = id;
    public TenantPolicy Policy { get; } = policy;

    /// <summary>Open tasks and the bytes of their assignments.</summary>
    public int Open { get; set; }
    public long OpenBytes { get; set; }

    /// <summary>Leases in force: the set itself is what limits count, so there is no counter that could drift.</summary>
    public LeaseSet Running;

    /// <summary>Memory declared by the running tasks.</summary>
    public long MemoryMb { get; set; }
    public TokenBucket Admissions = new(policy.Admissions, now);
    public TokenBucket Starts = new(policy.Starts, now);
    public CpuWindow? Cpu { get; } = policy.CpuMsPerWindow is null ? null : new CpuWindow(cpuWindowMs);

    /// <summary>Keys with a limit that have tasks queued or running, or were used up a moment ago.</summary>
    public Dictionary<string, KeyState> Keys { get; } = new(StringComparer.Ordinal);

    /// <summary>Its queue in each pool.</summary>
    public List<TenantQueue> Queues { get; } = [];
    public Hold Hold { get; set; }
    public bool IsHeld => Hold != Hold.None;

    /// <summary>When the registry looks at the hold again, if nothing else ends it before.</summary>
    public long LooksAgainAt { get; set; }

    /// <summary>Tasks that wait: queued, parked, awaiting a person.</summary>
    public int Waiting => Open - Running.Count;

    /// <summary>The task for which memory is kept: others that declare memory wait until it has started.</summary>
    public TaskEntry? MemoryClaim { get; private set; }

    public TenantQueue? QueueIn(PoolQueue pool)
    {
        foreach (var queue in Queues)
        {
            if (ReferenceEquals(queue.Pool, pool))
            {
                return queue;
            }
        }

        return null;
    }

    /// <param name="entry">The first of its lane.</param>
    public bool HasMemoryFor(TaskEntry entry) =>
        entry.Info.MemoryMb == 0 || Policy.MaxMemoryMb == TenantPolicy.None || (MayPassClaim(entry) && MemoryMb + entry.Info.MemoryMb <= Policy.MaxMemoryMb);

    /// <summary>
    /// A claim holds nobody back that goes before it in its own lane (an older task that came back, one of a higher priority: each
    /// would wait for the other for ever), and none while its own task may not start or no worker could run it.
    /// </summary>
    private bool MayPassClaim(TaskEntry entry) =>
        MemoryClaim?.Group is not { } claim || ReferenceEquals(MemoryClaim, entry) || ReferenceEquals(claim.Lane, entry.Group?.Lane)
        || claim.Key is { IsHeld: true } || !claim.Lane.Tenant.Pool.CouldRun(MemoryClaim.Info);

    public void Claim(TaskEntry entry) => MemoryClaim ??= entry;

    public void Unclaim(TaskEntry entry)
    {
        if (ReferenceEquals(MemoryClaim, entry))
        {
            MemoryClaim = null;
            Stir();
        }
    }

    /// <summary>Its memory, or who may have it, has changed: what waits for that is looked at again, in every pool.</summary>
    public void Stir()
    {
        foreach (var queue in Queues)
        {
            queue.Unstick();
            queue.Pool.Stirred |= queue.Count > 0;
        }
    }
}

/// <summary>One concurrency key of one tenant, where it has a limit. Owned by the core; changed by <see cref="TenantRegistry"/> alone.</summary>
internal sealed class KeyState(TenantState tenant, string key, KeyPolicy policy, long now)
{
    public TenantState Tenant { get; } = tenant;
    public string Key { get; } = key;
    public KeyPolicy Policy { get; } = policy;
    public LeaseSet Running;
    public TokenBucket Starts = new(policy.Starts, now);

    /// <summary>Where tasks with this key are queued.</summary>
    public List<KeyGroup> Groups { get; } = [];
    public Hold Hold { get; set; }
    public bool IsHeld => Hold != Hold.None;

    /// <summary>When the registry looks at the hold again, if nothing else ends it before.</summary>
    public long LooksAgainAt { get; set; }
}
