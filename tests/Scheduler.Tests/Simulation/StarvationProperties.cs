using Beamline.Scheduler.Core.Tenants;
using Beamline.Simulation;
using Beamline.Simulation.Witnesses;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Scheduler.Tests.Simulation;

/// <summary>
/// Nothing waits for ever, in a pool of two workers with eight slots that one tenant floods from beginning to end with short
/// tasks of the highest priority. Judged is the longest wait in the queue of what is rare, half a task a second.
/// </summary>
public sealed class StarvationProperties
{
    private const string Flooding = "flood";
    private static readonly TaskPlan Flood = new() { MeanMs = 50, Skew = 1.5, MostMeans = 5, Priority = 9 };

    [Fact]
    public void The_lowest_priority_of_the_flooding_tenant_itself_waits_for_its_ageing_and_no_longer() =>
        // Nine steps of 30 s, and then its turn.
        Judge(new TaskPlan { MeanMs = 50, Priority = 0 }, mostMs: 275_000, TimeSpan.FromMinutes(7));

    [Fact]
    public void A_task_as_wide_as_a_whole_worker_gets_one_although_narrow_ones_never_cease() =>
        Judge(new TaskPlan { MeanMs = 100, Slots = 8 }, mostMs: 20_000, TimeSpan.FromMinutes(2), tenant: "wide");

    [Fact]
    public void A_task_that_needs_most_of_its_tenants_memory_gets_it_although_small_ones_never_cease() =>
        Judge(new TaskPlan { MeanMs = 100, MemoryMb = 480, Priority = 9 }, mostMs: 20_000, TimeSpan.FromMinutes(2), memoryMb: 512);

    [Fact]
    public void A_tenant_of_small_weight_is_served_at_its_share() =>
        // A hundredth of 16 slots is 158 slot-milliseconds a second; 25 are asked for.
        Judge(new TaskPlan { MeanMs = 50 }, mostMs: 2_000, TimeSpan.FromMinutes(2), tenant: "light", weight: 0.01);

    private static void Judge(TaskPlan rare, long mostMs, TimeSpan length, string tenant = Flooding, double weight = 1, int memoryMb = 0)
    {
        var judged = 0;
        Properties.Check(
            Arb.From(Gen.Choose(1, 1_000_000)),
            seed =>
            {
                var waits = new WaitWitness(task => ReferenceEquals(task.Plan, rare) ? mostMs : null);
                var faults = Properties.Run(PlanOf(seed, rare, length, new TenantPlan { Name = tenant, Weight = weight, PerSecond = 0.5, Tasks = [rare] }, memoryMb), waits);
                judged += waits.Waits.GetValueOrDefault(rare).Leased;
                return faults;
            },
            cases: 3);
        Assert.True(judged > 30, $"only {judged} such tasks were leased at all");
    }

    private static SimulationPlan PlanOf(int seed, TaskPlan rare, TimeSpan length, TenantPlan rarely, int memoryMb) => new()
    {
        Seed = seed,
        Length = length,
        Limits = new TenantsOptions { Default = new TenantLimits { MaxMemoryMb = memoryMb } },
        Tenants = [new TenantPlan { Name = Flooding, KeepWaiting = 40, Tasks = [Flood with { MemoryMb = rare.MemoryMb > 0 ? 64 : 0 }] }, rarely],
        Workers = [new WorkerPlan { Name = "w0", Slots = 8 }, new WorkerPlan { Name = "w1", Slots = 8 }],
    };
}
