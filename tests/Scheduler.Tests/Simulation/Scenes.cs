using Beamline.Contracts.Assignments;
using Beamline.Simulation;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Scheduler.Tests.Simulation;

/// <summary>One tenant of a scene, in numbers that shrink.</summary>
internal sealed record SceneTenant(int Weight, int Types, int Keys, bool OnOff, int JoinsAtS);

/// <summary>
/// A pool and who wants it, from which a plan follows. Where costs are known a task runs for what its type is estimated at; where
/// not, for 10 to 50 ms on average by tenant, whatever the estimate (5 ms to 2 s), skewed by Pareto with shape 1.5.
/// </summary>
internal sealed record Scene(int Seed, bool CostsAreKnown, IReadOnlyList<SceneTenant> Tenants, IReadOnlyList<int> WorkerSlots)
{
    /// <summary>What a failing case is printed as.</summary>
    public override string ToString() => $"seed {Seed}, costs {(CostsAreKnown ? "known" : "skewed")}, worker slots [{string.Join(", ", WorkerSlots)}], {string.Join(", ", Tenants)}";

    private static readonly string[] Types = ["http.request", "fs.blob_put", "sql.query", "fs.blob_get", "ai.generate", "media.render"];

    /// <summary>Every tenant wants more than it can get while it is there.</summary>
    public SimulationPlan ToPlan(int leases) => new()
    {
        Seed = Seed,
        Length = TimeSpan.FromHours(1),
        MostLeases = leases,
        Tenants = [.. Tenants.Select((tenant, i) => new TenantPlan
        {
            Name = $"t{i}",
            Weight = tenant.Weight,
            From = TimeSpan.FromSeconds(tenant.JoinsAtS),
            // More than all workers take at one time: who floods is backlogged all the time.
            KeepWaiting = 100,
            Cycle = tenant.OnOff ? (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3)) : null,
            Tasks = [.. Enumerable.Range(i, tenant.Types).Select(n => Types[n % Types.Length]).Select(type => new TaskPlan
            {
                Type = type,
                Keys = tenant.Keys,
                MeanMs = CostsAreKnown ? BlockTypes.Find(type)!.EstimatedCostMs : 10 * (1 + (i % 5)),
                Skew = CostsAreKnown ? 0 : 1.5,
                MostMeans = 5,
            })],
        })],
        Workers = [.. WorkerSlots.Select((slots, i) => new WorkerPlan { Name = $"w{i}", Slots = slots })],
    };
}

internal static class Scenes
{
    private static readonly int[] Weights = [1, 1, 1, 2, 3, 5, 10];

    /// <summary>Pools with one to eight tenants.</summary>
    public static Arbitrary<Scene> Pools(bool costsAreKnown, int mostTenants = 8, int mostWorkers = 4, int mostSlots = 16) => Arb.From(
        from seed in Gen.Choose(1, 1_000_000)
        from tenants in Gen.Choose(1, mostTenants).SelectMany(n => Tenant().ListOf(n))
        from slots in Gen.Choose(1, mostWorkers).SelectMany(n => Gen.Choose(1, mostSlots).ListOf(n))
        select new Scene(seed, costsAreKnown, [.. tenants], [.. slots]),
        Shrink);

    /// <summary>Pools with limits, from half loaded to overloaded.</summary>
    public static Arbitrary<LimitedScene> Limited() => Arb.From(
        from seed in Gen.Choose(1, 1_000_000)
        from tenants in Gen.Choose(1, 4)
        from workers in Gen.Choose(1, 4)
        from slots in Gen.Choose(2, 8)
        from running in Gen.Elements(0, 1, 3, 10)
        from perKey in Gen.Elements(0, 1, 2)
        from memory in Gen.Elements(0, 256, 400)
        from starts in Gen.Elements(0, 4, 50)
        from cpu in Gen.Elements(0, 0, 200)
        from wide in Gen.Elements(0, 0, 2, 3)
        from load in Gen.Elements(50, 90, 150)
        select new LimitedScene(seed, tenants, workers, slots, running, perKey, memory, starts, cpu, Math.Min(wide, slots), load),
        scene => new[]
        {
            scene with { Tenants = 1 }, scene with { Workers = 1 }, scene with { MaxRunning = 0 }, scene with { PerKey = 0 }, scene with { MemoryMb = 0 },
            scene with { StartsPerSecond = 0 }, scene with { CpuMs = 0 }, scene with { WideSlots = 0 }, scene with { LoadPercent = 50 },
        }.Where(s => s != scene));

    private static Gen<SceneTenant> Tenant() =>
        from weight in Gen.Elements(Weights)
        from types in Gen.Choose(1, 4)
        from keys in Gen.Elements(0, 0, 1, 7, 100)
        from onOff in Gen.Choose(0, 3)
        from joins in Gen.Elements(0, 0, 0, 1, 3)
        select new SceneTenant(weight, types, keys, onOff == 0, joins);

    /// <summary>Fewer tenants, then fewer workers, then plainer tenants.</summary>
    private static IEnumerable<Scene> Shrink(Scene scene)
    {
        for (var i = 0; scene.Tenants.Count > 1 && i < scene.Tenants.Count; i++)
        {
            yield return scene with { Tenants = Without(scene.Tenants, i) };
        }

        for (var i = 0; scene.WorkerSlots.Count > 1 && i < scene.WorkerSlots.Count; i++)
        {
            yield return scene with { WorkerSlots = Without(scene.WorkerSlots, i) };
        }

        for (var i = 0; i < scene.Tenants.Count; i++)
        {
            foreach (var plainer in Plainer(scene.Tenants[i]))
            {
                yield return scene with { Tenants = [.. scene.Tenants.Select((t, j) => i == j ? plainer : t)] };
            }
        }

        for (var i = 0; i < scene.WorkerSlots.Count; i++)
        {
            if (scene.WorkerSlots[i] > 1)
            {
                yield return scene with { WorkerSlots = [.. scene.WorkerSlots.Select((s, j) => i == j ? s / 2 : s)] };
            }
        }
    }

    private static IEnumerable<SceneTenant> Plainer(SceneTenant tenant)
    {
        if (tenant.Weight > 1)
        {
            yield return tenant with { Weight = 1 };
        }

        if (tenant.Types > 1)
        {
            yield return tenant with { Types = 1 };
        }

        if (tenant.Keys > 0)
        {
            yield return tenant with { Keys = 0 };
        }

        if (tenant.OnOff)
        {
            yield return tenant with { OnOff = false };
        }

        if (tenant.JoinsAtS > 0)
        {
            yield return tenant with { JoinsAtS = 0 };
        }
    }

    private static List<T> Without<T>(IReadOnlyList<T> list, int index) => [.. list.Where((_, i) => i != index)];
}
