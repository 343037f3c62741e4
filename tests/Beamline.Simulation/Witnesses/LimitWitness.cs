using System.Globalization;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Simulation.Witnesses;

/// <summary>
/// Counts, from leases alone, what each tenant and each of its concurrency keys has in hand, and compares it with its limits after
/// every call: leases, memory, leases of a key; the rate of starts, as tokens that come steadily up to one second's worth; at
/// each lease, the CPU time reported in the window that ends then.
/// </summary>
internal sealed class LimitWitness : Witness
{
    private readonly Dictionary<string, Account> _accounts = new(StringComparer.Ordinal);
    private readonly HashSet<Account> _touched = [];
    private Simulation? _simulation;

    /// <summary>How often a limit was reached: where it never was, nothing was shown.</summary>
    public long Reached { get; private set; }

    public override void Enter(Simulation simulation) => _simulation = simulation;

    public override void Leased(long now, SimTask task)
    {
        var account = AccountOf(task.Tenant.Name);
        account.Running++;
        account.MemoryMb += task.Plan.MemoryMb;
        account.CheckStart(now, this);
        account.CheckCpu(now, _simulation!.Plan.Limits.CpuWindow, this);
        if (task.Key is { } key)
        {
            var ofKey = account.Key(key);
            ofKey.Running++;
            ofKey.CheckStart(now, this);
            account.TouchedKeys.Add(ofKey);
        }

        _touched.Add(account);
    }

    public override void Released(long now, SimTask task, bool reported, long ranMs)
    {
        var account = AccountOf(task.Tenant.Name);
        account.Running--;
        account.MemoryMb -= task.Plan.MemoryMb;
        if (task.Key is { } key)
        {
            account.Key(key).Running--;
        }

        // Only what a step that ran to its end reports is known to have been told.
        if (reported && task.DoneBy is not null)
        {
            account.Cpu.Enqueue((now, task.Plan.CpuMs));
        }
    }

    public override void Settled(long now)
    {
        foreach (var account in _touched)
        {
            Check(now, account, "leases", account.Running, account.Policy.MaxRunning);
            Check(now, account, "MiB", account.MemoryMb, account.Policy.MaxMemoryMb);
            foreach (var key in account.TouchedKeys)
            {
                Check(now, key, "leases", key.Running, account.Policy.ForKey(key.Name).MaxRunning);
            }

            account.TouchedKeys.Clear();
        }

        _touched.Clear();
    }

    public override void Forget(long now)
    {
        _touched.Clear();
        foreach (var account in _accounts.Values)
        {
            account.Forget();
        }
    }

    private void Check(long now, Starts holder, string what, long has, int limit)
    {
        Reached += has == limit ? 1 : 0;
        if (has > limit)
        {
            Fail(string.Create(CultureInfo.InvariantCulture, $"at {now - Agenda.Start} ms {holder.Name} had {has} {what}; its limit is {limit}"));
        }
    }

    private Account AccountOf(string tenant)
    {
        if (!_accounts.TryGetValue(tenant, out var account))
        {
            _accounts.Add(tenant, account = new Account(tenant, _simulation!.PolicyOf(tenant)));
        }

        return account;
    }

    /// <summary>What a tenant has in hand.</summary>
    private sealed class Account(string tenant, TenantPolicy policy) : Starts(tenant, policy.Starts)
    {
        private readonly Dictionary<string, Starts> _keys = new(StringComparer.Ordinal);

        public TenantPolicy Policy => policy;
        public int MemoryMb { get; set; }
        public HashSet<Starts> TouchedKeys { get; } = [];

        /// <summary>CPU time reported, by time.</summary>
        public Queue<(long At, long Ms)> Cpu { get; } = new();

        public Starts Key(string key)
        {
            if (!_keys.TryGetValue(key, out var starts))
            {
                _keys.Add(key, starts = new Starts(key, policy.ForKey(key).Starts));
            }

            return starts;
        }

        public void CheckCpu(long now, TimeSpan window, LimitWitness witness)
        {
            while (Cpu.TryPeek(out var oldest) && oldest.At <= now - (long)window.TotalMilliseconds)
            {
                Cpu.Dequeue();
            }

            if (policy.CpuMsPerWindow is { } limit && Cpu.Sum(c => c.Ms) is var used)
            {
                witness.Reached += used >= limit - 20 ? 1 : 0;
                if (used >= limit)
                {
                    witness.Fail(string.Create(CultureInfo.InvariantCulture, $"at {now - Agenda.Start} ms {Name} was leased a task although {used} ms of CPU time were used in the window; its limit is {limit}"));
                }
            }
        }

        public void Forget()
        {
            (Running, MemoryMb) = (0, 0);
            TouchedKeys.Clear();
            foreach (var key in _keys.Values)
            {
                key.Running = 0;
            }
        }
    }

    /// <summary>Leases of a tenant or of one of its keys, and how fast they may start: tokens that come steadily up to a burst.</summary>
    private class Starts(string name, RatePolicy? rate)
    {
        private double _tokens = rate?.Burst ?? 0;
        private long _at;

        public string Name => name;
        public int Running { get; set; }

        public void CheckStart(long now, LimitWitness witness)
        {
            if (rate is null)
            {
                return;
            }

            _tokens = Math.Min(rate.Burst, _tokens + ((now - _at) / 1000.0 * rate.PerSecond)) - 1;
            _at = now;
            witness.Reached += _tokens < 1 ? 1 : 0;
            if (_tokens < -1e-6)
            {
                witness.Fail(string.Create(CultureInfo.InvariantCulture, $"at {now - Agenda.Start} ms {name} started faster than {rate.PerSecond} a second"));
            }
        }
    }
}
