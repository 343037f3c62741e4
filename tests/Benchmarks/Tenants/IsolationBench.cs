using System.Globalization;
using System.Text.Json;
using Beamline.Benchmarks.Load;
using Beamline.Benchmarks.Measuring;
using Beamline.Benchmarks.Runtimes;

namespace Beamline.Benchmarks.Tenants;

/// <summary>
/// A quiet tenant's p99 alone and beside another that submits ten times as much as it, which is more than its part of the platform. Twice:
/// steps that wait on a pool of few slots, and steps that compute on cores that the flood wants too. Rounds alone and beside take turns,
/// so that what else happens on the machine falls on both. Non-zero when the p99 on the pool of slots more than doubles.
/// </summary>
internal static class IsolationBench
{
    private const int Rounds = 3;
    private const int Times = 10;
    private const int Slots = 8;
    private const double QuietPerSecond = 20;
    private const double MostRatio = 2;
    private static readonly TimeSpan Hold = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(BenchOptions options, IReadOnlyDictionary<string, string?> settings, string dataDirectory)
    {
        await using var server = await SlowServer.StartAsync(Hold);
        await using var platform = await WatchedPlatform.StartAsync(dataDirectory, new Dictionary<string, string?>(settings)
        {
            ["Worker:IoPoolSize"] = Slots.ToString(CultureInfo.InvariantCulture),
        });
        var waiting = await CompareAsync(platform, server, "wait", $$"""{"type":"http.request","url":"{{server.Address}}"}""", options.Paced);
        var computing = await CompareAsync(platform, server, "hash", $$"""{"type":"crypto.hash","algorithm":"sha256","content":"{{new string('x', 512)}}"}""", options.Paced);
        var result = new IsolationResult
        {
            Tasks = waiting.Tasks + computing.Tasks,
            Refused = waiting.Refused + computing.Refused,
            Wrong = waiting.Wrong + computing.Wrong,
            P99AloneMs = BenchResult.Round(waiting.Alone[99]),
            P99BesideMs = BenchResult.Round(waiting.Beside[99]),
            P99Ratio = BenchResult.Round(waiting.Beside[99] / waiting.Alone[99]),
            ComputingP99AloneMs = BenchResult.Round(computing.Alone[99]),
            ComputingP99BesideMs = BenchResult.Round(computing.Beside[99]),
            ComputingP99Ratio = BenchResult.Round(computing.Beside[99] / computing.Alone[99]),
        };
        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.IsolationResult));
        return result.Wrong == 0 && result.P99Ratio <= MostRatio ? 0 : 1;
    }

    private static async Task<Comparison> CompareAsync(WatchedPlatform platform, SlowServer server, string name, string job, TimeSpan each)
    {
        // The code is warm before anything counts.
        await RunQuietAsync(platform, $"{name}-warm", job, QuietPerSecond * Times, TimeSpan.FromSeconds(10));
        var (alone, beside) = (new List<double>(), new List<double>());
        var comparison = new Comparison();
        for (var round = 0; round < Rounds; round++)
        {
            var quiet = await RunQuietAsync(platform, $"{name}-alone-{round}", job, QuietPerSecond, each);
            alone.AddRange(quiet.LatenciesMs);

            var flood = new OpenLoop(platform.Http, "flooding", $"{name}-flood-{round}", job, wait: false);
            var flooding = flood.RunAsync(QuietPerSecond * Times, each, CancellationToken.None);
            var pressed = await RunQuietAsync(platform, $"{name}-beside-{round}", job, QuietPerSecond, each);
            beside.AddRange(pressed.LatenciesMs);
            await flooding;

            // The flood's rest is no part of the next round.
            server.Hold = TimeSpan.Zero;
            var missing = await platform.MissingAsync(flood.Accepted, Patience);
            server.Hold = Hold;
            comparison.Add(quiet, pressed, flood, missing);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name} round {round + 1}: p99 alone {new Percentiles(quiet.LatenciesMs)[99]:F1} ms, beside the flood {new Percentiles(pressed.LatenciesMs)[99]:F1} ms; flood {flood.Offered} offered, {flood.Accepted.Count} accepted"));
        }

        return comparison with { Alone = new Percentiles(alone), Beside = new Percentiles(beside) };
    }

    private static async Task<OpenLoop> RunQuietAsync(WatchedPlatform platform, string prefix, string job, double perSecond, TimeSpan duration)
    {
        var loop = new OpenLoop(platform.Http, "quiet", prefix, job, wait: true);
        await loop.RunAsync(perSecond, duration, CancellationToken.None);
        return loop;
    }

    private sealed record Comparison
    {
        public Percentiles Alone { get; init; } = new([]);
        public Percentiles Beside { get; init; } = new([]);
        public int Tasks { get; private set; }
        public int Refused { get; private set; }
        public int Wrong { get; private set; }

        public void Add(OpenLoop quiet, OpenLoop pressed, OpenLoop flood, int missing)
        {
            Tasks += quiet.Offered + pressed.Offered + flood.Offered;
            Refused += flood.RefusalsMs.Count;

            // The quiet tenant is within every bound: a refusal of it is as wrong as a task that never ends.
            Wrong += quiet.Wrong + pressed.Wrong + flood.Wrong + quiet.RefusalsMs.Count + pressed.RefusalsMs.Count + missing;
            foreach (var sample in quiet.WrongSamples.Concat(pressed.WrongSamples).Concat(flood.WrongSamples))
            {
                Console.WriteLine($"wrong: {sample}");
            }
        }
    }
}
