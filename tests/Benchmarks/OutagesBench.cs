using System.Text.Json;
using Beamline.Benchmarks.Measuring;
using Beamline.TestKit.Chaos;

namespace Beamline.Benchmarks;

/// <summary>
/// The bus away for 30 s and for three minutes under load: everything over HTTP goes on, and once the bus is back it has every
/// result and event. Tells how long that takes. Non-zero on any violation, whose histories it prints.
/// </summary>
internal static class OutagesBench
{
    private const int ShownHistories = 20;

    // With nothing owed any more the next outage begins; a platform that never catches up fails the run.
    private static readonly TimeSpan CatchUpPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    public static async Task<int> RunAsync(BenchOptions options, string dataDirectory)
    {
        var (shortOutage, longOutage) = (TimeSpan.Zero, TimeSpan.Zero);
        var report = await ChaosRun.RunAsync(
            new ChaosOptions { DataDirectory = dataDirectory, PerSecond = options.Rate, Duration = TimeSpan.Zero, OverBus = false },
            async (stage, cancellation) =>
            {
                shortOutage = await TakeBusAwayAsync(stage, TimeSpan.FromSeconds(30), cancellation);
                longOutage = await TakeBusAwayAsync(stage, TimeSpan.FromMinutes(3), cancellation);
            },
            TimeProvider.System,
            CancellationToken.None);
        foreach (var line in ChaosPrint.Violations(report, ShownHistories))
        {
            Console.WriteLine(line);
        }

        var result = new OutagesResult
        {
            Seconds = BenchResult.Round(report.Took.TotalSeconds),
            TasksSent = report.Verdict.Sent,
            TasksAccepted = report.Verdict.Accepted,
            ShortOutageCaughtUpS = BenchResult.Round(shortOutage.TotalSeconds),
            LongOutageCaughtUpS = BenchResult.Round(longOutage.TotalSeconds),
            Violations = report.Verdict.Violations.Count,
        };
        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.OutagesResult));
        return result.Violations == 0 ? 0 : 1;
    }

    /// <returns>From the bus's return until what was sent before it has arrived.</returns>
    private static async Task<TimeSpan> TakeBusAwayAsync(ChaosStage stage, TimeSpan length, CancellationToken cancellation)
    {
        await stage.Platform.SetFaultAsync("bus", "away");
        await Task.Delay(length, stage.Time, cancellation);
        var owed = stage.Clients.Owed();
        await stage.Platform.SetFaultAsync("bus", "up");
        var back = stage.Time.GetTimestamp();
        while (stage.Clients.Owed().Overlaps(owed))
        {
            if (stage.Time.GetElapsedTime(back) > CatchUpPatience)
            {
                throw new InvalidOperationException($"The bus is back for {CatchUpPatience}, and is still owed results.");
            }

            await Task.Delay(Look, stage.Time, cancellation);
        }

        var took = stage.Time.GetElapsedTime(back);
        Console.WriteLine($"bus away for {length.TotalSeconds} s: {owed.Count} tasks owed to it, caught up {took.TotalSeconds:F1} s after its return");
        return took;
    }
}
