using System.Globalization;
using System.Text.Json;
using Beamline.Benchmarks.Load;
using Beamline.Benchmarks.Measuring;
using Beamline.Benchmarks.Runtimes;

namespace Beamline.Benchmarks.Tenants;

/// <summary>
/// Ten times what the platform can do is offered for five minutes, by three tenants that share its bounds and one with a small quota. Memory
/// has to stay flat once the queues are full, every refusal to be 2004 or 4002 with the time to come back, and what was accepted to end.
/// Non-zero when one of it does not hold.
/// </summary>
internal static class OverloadBench
{
    private const int Times = 10;
    private const double MostGrowth = 1.10;

    /// <summary>The bound of open tasks, in seconds of what is offered: full long before the first look at memory.</summary>
    private const double SecondsToFill = 10;

    private static readonly TimeSpan Hold = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly string[] Watched = ["scheduler", "gateway"];
    private static readonly string[] Tenants = ["a", "b", "c", "small"];

    public static async Task<int> RunAsync(BenchOptions options, IReadOnlyDictionary<string, string?> settings, string dataDirectory)
    {
        await using var server = await SlowServer.StartAsync(Hold);
        await using var platform = await WatchedPlatform.StartAsync(dataDirectory, SettingsFor(options, settings));
        var job = $$"""{"type":"http.request","url":"{{server.Address}}"}""";
        var loops = Tenants.Select(tenant => new OpenLoop(platform.Http, tenant, $"over-{tenant}", job, wait: false)).ToArray();
        using var over = new CancellationTokenSource();
        var memory = new MemorySeries(platform, Watched);
        var sampling = memory.SampleAsync(options.Duration, over.Token);
        await Task.WhenAll(loops.Select(loop => loop.RunAsync((double)options.Rate / Tenants.Length, options.Duration, CancellationToken.None)));
        await over.CancelAsync();
        await sampling;

        // The steps that still wait are let go at once.
        server.Hold = TimeSpan.Zero;
        var missing = await platform.MissingAsync([.. loops.SelectMany(loop => loop.Accepted)], Patience);
        var refusals = new Percentiles(loops.SelectMany(loop => loop.RefusalsMs));
        var result = new OverloadResult
        {
            Seconds = BenchResult.Round(options.Duration.TotalSeconds),
            OfferedPerS = BenchResult.Round(loops.Sum(loop => loop.Offered) / options.Duration.TotalSeconds),
            Offered = loops.Sum(loop => loop.Offered),
            Accepted = loops.Sum(loop => loop.Accepted.Count),
            RefusedByQuota = loops.Sum(loop => loop.RefusedByQuota),
            RefusedByOverload = loops.Sum(loop => loop.RefusedByOverload),
            RefusalP50Ms = BenchResult.Round(refusals[50]),
            RefusalP99Ms = BenchResult.Round(refusals[99]),
            Wrong = loops.Sum(loop => loop.Wrong),
            Lost = missing,
            RejectedOverBus = platform.RejectedOverBus,
            SchedulerMib = memory.Mib("scheduler"),
            SchedulerGrowth = memory.Growth("scheduler"),
            GatewayMib = memory.Mib("gateway"),
            GatewayGrowth = memory.Growth("gateway"),
        };
        return Conclude(result, loops, memory);
    }

    private static int Conclude(OverloadResult result, OpenLoop[] loops, MemorySeries memory)
    {
        foreach (var line in loops.SelectMany(loop => loop.WrongSamples).Select(sample => $"wrong: {sample}").Concat(memory.Lines))
        {
            Console.WriteLine(line);
        }

        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.OverloadResult));
        return result is { Wrong: 0, Lost: 0, RefusedByQuota: > 0, RefusedByOverload: > 0, SchedulerGrowth: <= MostGrowth, GatewayGrowth: <= MostGrowth } ? 0 : 1;
    }

    private static Dictionary<string, string?> SettingsFor(BenchOptions options, IReadOnlyDictionary<string, string?> settings)
    {
        // Slots x 10 calls a second each: a tenth of what is offered.
        var slots = Math.Max(1, (int)Math.Round(options.Rate / (double)Times * Hold.TotalSeconds));
        var open = (int)(options.Rate * SecondsToFill);
        return new Dictionary<string, string?>(settings)
        {
            ["Worker:IoPoolSize"] = slots.ToString(CultureInfo.InvariantCulture),
            ["Scheduling:MaxOpenTasks"] = open.ToString(CultureInfo.InvariantCulture),
            ["Tenants:Overrides:small:MaxQueued"] = Math.Max(1, open / 20).ToString(CultureInfo.InvariantCulture),
        };
    }
}
