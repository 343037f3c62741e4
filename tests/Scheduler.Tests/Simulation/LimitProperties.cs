using Beamline.Scheduler.Core.Tenants;
using Beamline.Simulation;
using Beamline.Simulation.Witnesses;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Scheduler.Tests.Simulation;

/// <summary>
/// Limits on running work, counted again from the leases; and that they hold back no more than they must. See
/// <see cref="LimitWitness"/> and <see cref="IdleWitness"/> for what is judged.
/// </summary>
public sealed class LimitProperties
{
    [Fact]
    public void No_tenant_and_no_key_ever_has_more_than_its_limits_allow()
    {
        var reached = 0L;
        Properties.Check(Scenes.Limited(), scene =>
        {
            var limits = new LimitWitness();
            var faults = Properties.Run(scene.ToPlan(leases: 1_500), limits);
            reached += limits.Reached;
            return faults;
        });
        Assert.True(reached > 1_000, $"limits were reached {reached} times only");
    }

    [Fact]
    public void No_slot_stays_free_while_a_task_that_fits_and_that_no_limit_holds_is_queued()
    {
        var (looks, idle) = (0L, 0L);
        Properties.Check(Scenes.Limited(), scene =>
        {
            // Rates and CPU windows let go of a tenant at some millisecond between two ticks: they are left out here.
            var idleness = new IdleWitness();
            var faults = Properties.Run((scene with { StartsPerSecond = 0, CpuMs = 0 }).ToPlan(leases: 1_500), idleness);
            looks += idleness.Looks;
            idle += idleness.IdleLooks;
            return faults;
        });
        Assert.True(looks > 500 && idle > looks, $"a worker was idle while something was queued at {looks} looks of {idle} only");
    }
}

/// <summary>A pool with limits, in numbers that shrink; 0: no such limit.</summary>
internal sealed record LimitedScene(
    int Seed, int Tenants, int Workers, int Slots, int MaxRunning, int PerKey, int MemoryMb, int StartsPerSecond, int CpuMs, int WideSlots, int LoadPercent)
{
    private static readonly string[] Types = ["http.request", "fs.blob_put", "sql.query", "ai.generate"];

    public SimulationPlan ToPlan(int leases)
    {
        const double MeanMs = 40;
        var perSecond = Workers * Slots / MeanMs * 1000 * LoadPercent / 100 / Tenants;
        return new SimulationPlan
        {
            Seed = Seed,
            Length = TimeSpan.FromMinutes(5),
            MostLeases = leases,
            TickMs = 20,
            Limits = new TenantsOptions
            {
                CpuWindow = TimeSpan.FromSeconds(2),
                Default = new TenantLimits
                {
                    MaxRunning = MaxRunning,
                    MaxMemoryMb = MemoryMb,
                    StartsPerSecond = StartsPerSecond,
                    CpuTimePerWindow = TimeSpan.FromMilliseconds(CpuMs),
                    PerKey = new KeyLimits { MaxRunning = PerKey, StartsPerSecond = StartsPerSecond / 2.0 },
                },
            },
            Tenants = [.. Enumerable.Range(0, Tenants).Select(i => new TenantPlan
            {
                Name = $"t{i}",
                Weight = 1 + i,
                PerSecond = perSecond,
                Burst = 1 + (5 * (i % 3)),
                Tasks = [.. Types.Select((type, n) => new TaskPlan
                {
                    Type = type,
                    MeanMs = MeanMs,
                    Skew = 1.5,
                    MostMeans = 5,
                    Priority = 3 * n,
                    Keys = n % 2 == 0 ? 3 : 0,
                    MemoryMb = MemoryMb > 0 && n < 3 ? 64 << n : 0,
                    Slots = n == 3 && WideSlots > 0 ? WideSlots : 1,
                    CpuMs = 20,
                })],
            })],
            Workers = [.. Enumerable.Range(0, Workers).Select(i => new WorkerPlan { Name = $"w{i}", Slots = Slots, Types = i % 2 == 0 ? Types : Types[..3] })],
        };
    }
}
