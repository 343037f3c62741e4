using System.Text.Json;
using Beamline.Benchmarks.Measuring;
using Beamline.TestKit.Chaos;

namespace Beamline.Benchmarks;

/// <summary>
/// A load on real processes while each is killed at random and at every failpoint; a journal outside tells whether anything
/// was lost or ran twice. Prints a row for each way to die, then one JSON line. Non-zero on any violation, whose histories it prints.
/// </summary>
internal static class ChaosBench
{
    private const int ShownHistories = 20;

    public static async Task<int> RunAsync(BenchOptions options, string dataDirectory)
    {
        var spree = new KillingSpree(options.Kills, points: null, options.Seed);
        var report = await ChaosRun.RunAsync(
            new ChaosOptions { DataDirectory = dataDirectory, PerSecond = options.Rate, Duration = options.Duration },
            spree.RunAsync,
            TimeProvider.System,
            CancellationToken.None);
        foreach (var line in ChaosPrint.Violations(report, ShownHistories).Concat(ChaosPrint.Table(spree.Deaths)))
        {
            Console.WriteLine(line);
        }

        var result = new ChaosResult
        {
            Seconds = BenchResult.Round(report.Took.TotalSeconds),
            TasksSent = report.Verdict.Sent,
            TasksAccepted = report.Verdict.Accepted,
            Redelivered = report.Verdict.Redelivered,
            WorkerLost = report.Verdict.WorkerLost,
            Cancelled = report.Verdict.Cancelled,
            Kills = spree.Deaths.Sum(row => row.Kills),
            Recoveries = spree.Deaths.Sum(row => row.Recoveries),
            LongestRecoveryMs = BenchResult.Round(spree.Deaths.Max(row => row.LongestRecovery).TotalMilliseconds),
            Violations = report.Verdict.Violations.Count,
        };
        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.ChaosResult));
        return result.Violations == 0 && result.Recoveries == result.Kills ? 0 : 1;
    }
}
