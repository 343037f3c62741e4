using Beamline.Simulation;

namespace Beamline.Benchmarks.Fairness;

/// <summary>
/// Four tenants want more than a pool of 24 slots can give, for two minutes: one floods it with ten thousand tasks, one spreads over
/// 200 concurrency keys and four types, one has tasks forty times as long as the others', one of twice the weights of all others
/// joins after 40 s and leaves at 80 s. True costs are Pareto and unlike the estimates of their types.
/// </summary>
internal static class FairnessScene
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(120);

    public static SimulationPlan Plan(int seed) => new()
    {
        Seed = seed,
        Length = Length,
        Tenants =
        [
            new TenantPlan { Name = "flooding", Weight = 1, KeepWaiting = 10_000, Tasks = [Task("http.request", 10)] },
            new TenantPlan
            {
                Name = "sharding", Weight = 1, KeepWaiting = 400,
                Tasks = [Task("http.request", 10, keys: 200), Task("fs.blob_put", 10, keys: 200), Task("sql.query", 20, keys: 200), Task("fs.blob_get", 5, keys: 200)],
            },
            new TenantPlan { Name = "long-tasks", Weight = 2, KeepWaiting = 50, Tasks = [Task("http.request", 400)] },
            new TenantPlan
            {
                Name = "late", Weight = 4, From = TimeSpan.FromSeconds(40), PerSecond = 1_000, Burst = 20, Most = 30_000,
                Tasks = [Task("sql.query", 16)],
            },
        ],
        Workers = [.. Enumerable.Range(0, 3).Select(i => new WorkerPlan { Name = $"worker-{i}", Slots = 8 })],
    };

    private static TaskPlan Task(string type, double meanMs, int keys = 0) => new() { Type = type, MeanMs = meanMs, Skew = 1.5, MostMeans = 5, Keys = keys };
}
