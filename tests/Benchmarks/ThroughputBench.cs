using System.Text.Json;
using Beamline.Benchmarks.Load;
using Beamline.Benchmarks.Measuring;
using Beamline.Benchmarks.Runtimes;
using Beamline.Benchmarks.Workloads;

namespace Beamline.Benchmarks;

/// <summary>w1 and w2: a warm-up, the throughput part, the latency part, one JSON line.</summary>
internal static class ThroughputBench
{
    private const int PacedPerSecond = 200;

    public static async Task<int> RunAsync(BenchOptions options, IWorkload workload, IReadOnlyDictionary<string, string?> settings, string dataDirectory)
    {
        await using var runtime = await BenchRuntime.StartAsync(options.Runtime, dataDirectory, settings);
        using var http = new HttpClient { BaseAddress = runtime.Gateway, Timeout = TimeSpan.FromMinutes(5) };

        // The JIT and the pools warm up on the same path: tier 1 is reached after some 20,000 tasks of a kind.
        await new BatchLoad(http, workload, "warm").RunAsync(20_000, CancellationToken.None);
        await new PacedLoad(http, workload, "warm-paced").RunAsync(PacedPerSecond, TimeSpan.FromSeconds(2), CancellationToken.None);

        var cpuBefore = runtime.CpuTime;
        var throughput = await new BatchLoad(http, workload, "load").RunAsync(workload.Tasks, CancellationToken.None);
        var cpu = runtime.CpuTime - cpuBefore;
        Console.WriteLine($"throughput: {workload.Tasks} tasks in {throughput.Took.TotalSeconds:F2} s");

        var paced = await new PacedLoad(http, workload, "paced").RunAsync(PacedPerSecond, options.Paced, CancellationToken.None);
        var latency = new Percentiles(paced.LatenciesMs);
        var result = new BenchResult
        {
            Bench = workload.Name,
            Runtime = runtime.Name,
            Tasks = workload.Tasks,
            TasksPerS = BenchResult.Round(workload.Tasks / throughput.Took.TotalSeconds),
            CpuSPer1k = BenchResult.Round(cpu.TotalSeconds / workload.Tasks * 1000),
            P50Ms = BenchResult.Round(latency[50]),
            P95Ms = BenchResult.Round(latency[95]),
            P99Ms = BenchResult.Round(latency[99]),
            Refused = throughput.Refused + paced.Refused,
            Lost = throughput.Lost + paced.Lost,
            Wrong = throughput.Wrong + paced.Wrong,
            Synchronous = options.Synchronous,
            Events = "all",
            Processes = runtime.Processes,
            FdatasyncMs = BenchResult.Round(DiskProbe.Fdatasync(dataDirectory)),
        };
        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.BenchResult));
        return result.Lost + result.Wrong == 0 ? 0 : 1;
    }
}
