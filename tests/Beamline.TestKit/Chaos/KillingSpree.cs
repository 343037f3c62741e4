using Beamline.TestKit.Processes;

namespace Beamline.TestKit.Chaos;

/// <summary>All six processes, each dying by its plan at the same time as the others.</summary>
/// <param name="kills">Deaths of each process at random moments, and at each point.</param>
/// <param name="points">The points to die at; null: all.</param>
/// <param name="seed">The same seed draws the same plans; what they meet differs from run to run.</param>
public sealed class KillingSpree(int kills, IReadOnlyCollection<string>? points, int seed)
{
    // Two cores start two processes in about the time of one.
    private const int StartsAtOnce = 2;

    private IReadOnlyList<DeathCount> _deaths = [];

    /// <summary>A row for each way to die; the executors' points are one row for the three of them. For who asks after <see cref="RunAsync"/>.</summary>
    public IReadOnlyList<DeathCount> Deaths =>
    [
        .. _deaths
            .GroupBy(count => count.Death.Failpoint?.StartsWith("executor.", StringComparison.Ordinal) == true
                ? new Death("executors", count.Death.Failpoint)
                : count.Death with { MaxCount = 0 })
            .Select(row => new DeathCount(row.Key, row.Sum(count => count.Kills), row.Sum(count => count.Recoveries), row.Max(count => count.LongestRecovery))),
    ];

    /// <summary>Returns when every plan is done and every process runs again.</summary>
    public async Task RunAsync(ChaosStage stage, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(stage);
        using var starts = new SemaphoreSlim(StartsAtOnce);
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        ProcessKiller[] killers =
        [
            .. KillPlan.Processes.Select((process, i) =>
            {
                var random = new Random(seed + i);
                return new ProcessKiller(process, KillPlan.Of(process, kills, points, random), stage.Platform, stage.Journal, starts, random, stage.Time);
            }),
        ];
        foreach (var killer in killers)
        {
            stage.Clients.Ended += killer.OnEnded;
        }

        await Task.WhenAll(killers.Select(killer => FailTogetherAsync(killer.RunAsync(failed.Token), stage.Journal, failed)));
        _deaths = [.. killers.SelectMany(killer => killer.Counts)];
    }

    // One that gives up ends the others: the rest of the run would prove nothing.
    private static async Task FailTogetherAsync(Task killer, Journal journal, CancellationTokenSource failed)
    {
        try
        {
            await killer;
        }
        catch (Exception failure) when (!failed.IsCancellationRequested)
        {
            await journal.WriteAsync(new Fact { Kind = FactKinds.GivenUp, Fault = failure.ToString() });
            await failed.CancelAsync();
            throw;
        }
    }
}
