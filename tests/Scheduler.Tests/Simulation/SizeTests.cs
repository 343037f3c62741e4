using Beamline.Simulation;
using Beamline.Simulation.Witnesses;

namespace Beamline.Scheduler.Tests.Simulation;

/// <summary>Many tenants at once: two flood, one of them over a hundred keys, the others send a little in bursts; nothing is lost, the floods get equal shares.</summary>
public sealed class SizeTests
{
    [Fact]
    public void A_thousand_tenants_and_thirty_thousand_tasks() => Judge(tenants: 1_000, tasks: 30_000);

    /// <summary>A good minute of CPU: run it by name, with <c>--explicit only</c>.</summary>
    [Fact(Explicit = true)]
    public void Ten_thousand_tenants_and_a_million_tasks() => Judge(tenants: 10_000, tasks: 1_000_000);

    private static void Judge(int tenants, int tasks)
    {
        // The floods get what the others, at half of the pool, leave.
        const int Slots = 640;
        const double MeanMs = 40;
        var small = Slots / MeanMs * 1000 / 2 / tenants;
        var task = new TaskPlan { MeanMs = MeanMs, Skew = 1.5, MostMeans = 10 };
        var plan = new SimulationPlan
        {
            Seed = 7,
            Length = TimeSpan.FromHours(1),
            MostLeases = tasks,
            Settle = TimeSpan.FromMinutes(5),
            Tenants =
            [
                new TenantPlan { Name = "flood", KeepWaiting = 10 * tenants, Tasks = [task] },
                new TenantPlan { Name = "sharded", KeepWaiting = 10 * tenants, Tasks = [task with { Keys = 100 }, task with { Type = "sql.query", Keys = 100 }] },
                .. Enumerable.Range(0, tenants - 2).Select(i => new TenantPlan { Name = $"t{i}", PerSecond = small, Burst = 1 + (i % 5), Weight = 1 + (i % 3), Tasks = [task] }),
            ],
            Workers = [.. Enumerable.Range(0, Slots / 64).Select(i => new WorkerPlan { Name = $"w{i}", Slots = 64 })],
        };
        var (outcomes, shares) = (new OutcomeWitness(), new ShareWitness(Charging.Truth) { JudgeInstants = false, JudgeWindows = false });
        Assert.Empty(Properties.Run(plan, outcomes, shares));
        Assert.True(outcomes.Accepted >= tasks, $"{outcomes.Accepted} tasks were accepted");
        Assert.InRange(shares.Shares["sharded"].Received / shares.Shares["flood"].Received, 0.95, 1.05);
    }
}
