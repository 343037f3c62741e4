using Beamline.Scheduler.Core.Fairness;

namespace Beamline.Scheduler.Core.Tenants;

/// <summary>
/// Who has what in hand, and whom a limit holds. Leases come in and go out here, and nowhere else; a hold begins and ends with
/// them or with time. Tenants are known while they have tasks, or debts to a limit.
/// </summary>
internal sealed class TenantRegistry(TenantsOptions options)
{
    private readonly TenantPolicy _default = TenantPolicy.Of(options.Default, options.Default);
    private readonly Dictionary<string, TenantPolicy> _overrides =
        options.Overrides.ToDictionary(o => o.Key, o => TenantPolicy.Of(o.Value, options.Default), StringComparer.Ordinal);

    private readonly Dictionary<string, TenantState> _tenants = new(StringComparer.Ordinal);

    /// <summary>When a hold that time ends may be over; an entry too early only looks again.</summary>
    private readonly PriorityQueue<(TenantState Tenant, KeyState? Key), long> _due = new();

    /// <summary>Tenants with open tasks.</summary>
    public int Active { get; private set; }

    public TenantState? Find(string tenantId) => _tenants.GetValueOrDefault(tenantId);

    public TenantPolicy PolicyOf(string tenantId) => _overrides.GetValueOrDefault(tenantId, _default);

    public TenantState StateOf(string tenantId, long now)
    {
        if (!_tenants.TryGetValue(tenantId, out var tenant))
        {
            tenant = new TenantState(tenantId, PolicyOf(tenantId), (long)options.CpuWindow.TotalMilliseconds, now);
            _tenants.Add(tenantId, tenant);
        }

        return tenant;
    }

    public void Opened(TenantState tenant, int bytes)
    {
        Active += tenant.Open == 0 ? 1 : 0;
        tenant.Open++;
        tenant.OpenBytes += bytes;
    }

    public void Closed(TenantState tenant, int bytes)
    {
        tenant.Open--;
        tenant.OpenBytes -= bytes;
        Active -= tenant.Open == 0 ? 1 : 0;
    }

    /// <summary>The key's state; null for a task without a key, or whose key has no limit.</summary>
    public static KeyState? KeyOf(TaskEntry entry, long now)
    {
        if (entry.Info.ConcurrencyKey is not { } key)
        {
            return null;
        }

        if (!entry.Tenant.Keys.TryGetValue(key, out var state))
        {
            if (entry.Tenant.Policy.ForKey(key) is not { IsFree: false } policy)
            {
                return null;
            }

            entry.Tenant.Keys.Add(key, state = new KeyState(entry.Tenant, key, policy, now));
        }

        return state;
    }

    /// <summary>A lease is in force from now on.</summary>
    /// <param name="entry">Its task.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="isStart">False: it was granted before a restart, and is no start to be counted now.</param>
    public void Leased(TaskEntry entry, long now, bool isStart = true)
    {
        var tenant = entry.Tenant;
        if (entry.RunningPlace >= 0)
        {
            return;
        }

        entry.RunningPlace = tenant.Running.Add(entry);
        tenant.MemoryMb += entry.Info.MemoryMb;
        if (isStart)
        {
            tenant.Starts.Take(now);
        }

        Settle(tenant, now);
        if (KeyOf(entry, now) is { } key)
        {
            entry.Key = key;
            entry.KeyPlace = key.Running.Add(entry);
            if (isStart)
            {
                key.Starts.Take(now);
            }

            Settle(key, now);
        }
    }

    /// <summary>The lease is over, however it ended.</summary>
    public void Released(TaskEntry entry, long now)
    {
        var tenant = entry.Tenant;
        if (entry.RunningPlace < 0)
        {
            return;
        }

        if (tenant.Running.Remove(entry.RunningPlace) is { } moved)
        {
            moved.RunningPlace = entry.RunningPlace;
        }

        entry.RunningPlace = -1;
        var hadMemory = tenant.MemoryMb;
        tenant.MemoryMb -= entry.Info.MemoryMb;
        if (hadMemory > tenant.MemoryMb && tenant.Policy.MaxMemoryMb != TenantPolicy.None)
        {
            tenant.Stir();
        }

        Settle(tenant, now);
        if (entry.Key is { } key)
        {
            if (key.Running.Remove(entry.KeyPlace) is { } movedInKey)
            {
                movedInKey.KeyPlace = entry.KeyPlace;
            }

            entry.Key = null;
            Settle(key, now);
            Forget(key, now);
        }
    }

    /// <summary>A step has used CPU time; null when its tenant has no limit on it, else the window's slot as it is now.</summary>
    public (long Start, long UsedMs)? Used(TenantState tenant, long now, long cpuMs)
    {
        if (tenant.Cpu is not { } window || cpuMs <= 0)
        {
            return null;
        }

        var slot = window.Add(now, cpuMs);
        Settle(tenant, now);
        return slot;
    }

    /// <summary>What tenants had used of CPU time when the scheduler stopped.</summary>
    public void Restore(long now, IEnumerable<CpuUse> used)
    {
        foreach (var use in used.OrderBy(u => u.Start))
        {
            StateOf(use.TenantId, now).Cpu?.Restore(now, use.Start, use.UsedMs);
        }

        foreach (var tenant in _tenants.Values)
        {
            Settle(tenant, now);
        }
    }

    /// <summary>Ends the holds that time has ended.</summary>
    public void Tick(long now)
    {
        while (_due.TryPeek(out var held, out var due) && due <= now)
        {
            _due.Dequeue();
            if (held.Key is { } key)
            {
                key.LooksAgainAt = 0;
                Settle(key, now);
                Forget(key, now);
            }
            else
            {
                held.Tenant.LooksAgainAt = 0;
                Settle(held.Tenant, now);
            }
        }
    }

    /// <summary>Forgets tenants and keys that have nothing in hand and owe nothing to a limit.</summary>
    public void Sweep(long now)
    {
        foreach (var tenant in _tenants.Values.ToList())
        {
            foreach (var key in tenant.Keys.Values.ToList())
            {
                Forget(key, now);
            }

            if (tenant.MemoryClaim is not null)
            {
                // Who could run the task that memory is kept for may have gone since.
                tenant.Stir();
            }

            tenant.Cpu?.Move(now);
            if (tenant is { Open: 0, Running.Count: 0, Keys.Count: 0 } && tenant.Cpu?.IsEmpty != false
                && tenant.Admissions.IsFull(now) && tenant.Starts.IsFull(now))
            {
                _tenants.Remove(tenant.Id);
            }
        }
    }

    /// <summary>Spans of time go on as if the clock had not been set. Returns the slots of CPU time whose rows are to be changed.</summary>
    public IReadOnlyList<CpuUse> ClockWasSet(long byMs, long now)
    {
        List<CpuUse> moved = [];
        foreach (var tenant in _tenants.Values)
        {
            tenant.LooksAgainAt = 0;
            moved.AddRange(tenant.Cpu?.ClockWasSet(byMs).Select(slot => new CpuUse(tenant.Id, slot.Start, slot.UsedMs)) ?? []);
            tenant.Admissions.ClockWasSet(byMs);
            tenant.Starts.ClockWasSet(byMs);
            foreach (var key in tenant.Keys.Values)
            {
                key.LooksAgainAt = 0;
                key.Starts.ClockWasSet(byMs);
            }
        }

        // What was due by the old clock looks again by the new one.
        var due = _due.UnorderedItems.Select(i => i.Element).ToList();
        _due.Clear();
        _due.EnqueueRange(due, now);
        return moved;
    }

    private static void Forget(KeyState key, long now)
    {
        if (key is { Groups.Count: 0, Running.Count: 0 } && key.Starts.IsFull(now))
        {
            key.Tenant.Keys.Remove(key.Key);
        }
    }

    private void Settle(TenantState tenant, long now)
    {
        var wasHeld = tenant.IsHeld;
        tenant.Hold = HoldOf(tenant, now, out var until);
        if (tenant.IsHeld && until > now && tenant.LooksAgainAt <= now)
        {
            tenant.LooksAgainAt = until;
            _due.Enqueue((tenant, null), until);
        }

        if (wasHeld == tenant.IsHeld)
        {
            return;
        }

        foreach (var queue in tenant.Queues)
        {
            if (tenant.IsHeld)
            {
                queue.Pool.Suspend(queue);
            }
            else
            {
                queue.Pool.Resume(queue);
            }
        }
    }

    private static Hold HoldOf(TenantState tenant, long now, out long until)
    {
        until = 0;
        if (tenant.Running.Count >= tenant.Policy.MaxRunning)
        {
            return Hold.Running;
        }

        if (tenant.Starts.WaitMs(now) is > 0 and var wait)
        {
            until = now + wait;
            return Hold.StartRate;
        }

        if (tenant.Policy.CpuMsPerWindow is { } limit && tenant.Cpu!.FreeAt(now, limit) is var free && free > now)
        {
            until = free;
            return Hold.CpuTime;
        }

        return Hold.None;
    }

    private void Settle(KeyState key, long now)
    {
        var wasHeld = key.IsHeld;
        key.Hold = Hold.None;
        if (key.Running.Count >= key.Policy.MaxRunning)
        {
            key.Hold = Hold.Running;
        }
        else if (key.Starts.WaitMs(now) is > 0 and var wait)
        {
            key.Hold = Hold.StartRate;
            if (key.LooksAgainAt <= now)
            {
                key.LooksAgainAt = now + wait;
                _due.Enqueue((key.Tenant, key), now + wait);
            }
        }

        if (wasHeld != key.IsHeld)
        {
            foreach (var group in key.Groups)
            {
                group.Lane.Settle(group);
            }

            if (ReferenceEquals(key.Tenant.MemoryClaim?.Group?.Key, key))
            {
                key.Tenant.Stir();
            }
        }
    }
}
