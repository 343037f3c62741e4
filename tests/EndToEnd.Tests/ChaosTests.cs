using Beamline.TestKit;
using Beamline.TestKit.Chaos;

namespace Beamline.EndToEnd.Tests;

/// <summary>The short form of <c>tests/Benchmarks -- chaos</c>: every process killed, and each once where it must not matter.</summary>
[Collection(ChaosGroup.Name)]
public sealed class ChaosTests
{
    // One for each kind of process: committed and not answered, run and not reported, stored and not acknowledged.
    private static readonly string[] Points = ["gateway.after-admit", "scheduler.after-commit", "sidecar.after-commit", "executor.before-report"];

    [Fact]
    public async Task Nothing_is_lost_or_repeated_while_every_process_dies_under_load()
    {
        using var folder = new TemporaryFolder();
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var spree = new KillingSpree(kills: 1, Points, seed: 7);

        var report = await ChaosRun.RunAsync(
            new ChaosOptions { DataDirectory = folder.Path, PerSecond = 100, Duration = TimeSpan.FromSeconds(10) }, spree.RunAsync, TimeProvider.System, patience.Token);

        Assert.True(report.Verdict.Violations.Count == 0, string.Join('\n', ChaosPrint.Violations(report, 3)));
        Assert.All(spree.Deaths, row => Assert.Equal(row.Kills, row.Recoveries));
        Assert.Equal(12, spree.Deaths.Sum(row => row.Kills));
        Assert.InRange(report.Verdict.Accepted, 900, int.MaxValue);
        Assert.True(report.Verdict.Redelivered > 0, "no task met a death: the load was no test");
        Assert.True(report.Verdict.Cancelled > 0, "no cancellation came in time: the load was no test");
    }
}

/// <summary>Alone: it takes every core.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ChaosGroup
{
    public const string Name = "chaos";
}
