using Beamline.Benchmarks.Decisions;
using Beamline.Benchmarks.Fairness;
using Beamline.Benchmarks.Load;
using Beamline.Benchmarks.Recovery;
using Beamline.Benchmarks.Tenants;
using Beamline.Benchmarks.Workloads;

namespace Beamline.Benchmarks;

/// <summary>Runs one benchmark on a data folder of its own.</summary>
internal static class BenchCommand
{
    public static async Task<int> RunAsync(BenchOptions options)
    {
        // The core alone: no processes, no disk.
        switch (options.Bench)
        {
            case "decisions":
                return DecisionsBench.Run(options);
            case "fairness":
                return FairnessBench.Run(options);
        }

        // On the disk of the checkout by default: a temporary folder in memory would flatter every fsync.
        var data = Path.GetFullPath(options.DataDirectory ?? Path.Combine(".beamline", $"bench-{Guid.NewGuid():n}"));
        Directory.CreateDirectory(data);
        var keep = options.DataDirectory is not null;
        try
        {
            var code = await RunInAsync(options, data);
            keep |= code != 0 && options.Bench is "chaos" or "outages"; // what a failed run leaves behind tells why
            return code;
        }
        finally
        {
            if (!keep)
            {
                Directory.Delete(data, recursive: true);
            }
        }
    }

    private static async Task<int> RunInAsync(BenchOptions options, string data)
    {
        var settings = new Dictionary<string, string?>
        {
            ["Ledger:Synchronous"] = options.Synchronous,
            ["Http:Egress:Allow:0"] = "127.0.0.1",
            ["Logging:LogLevel:Default"] = "Warning",
        };
        switch (options.Bench)
        {
            case "w1":
                return await ThroughputBench.RunAsync(options, new HashWorkload(options.Tasks ?? 10_000), settings, data);
            case "w2":
                var (server, address) = await AnsweringServer.StartAsync();
                await using (server)
                {
                    return await ThroughputBench.RunAsync(options, new HttpWorkload(options.Tasks ?? 5_000, address), settings, data);
                }

            case "gates":
                return await GatesBench.RunAsync(options, settings, data);
            case "chaos":
                return await ChaosBench.RunAsync(options, data);
            case "outages":
                return await OutagesBench.RunAsync(options, data);
            case "isolation":
                return await IsolationBench.RunAsync(options, settings, data);
            case "overload":
                return await OverloadBench.RunAsync(options, settings, data);
            case "recovery":
                return await RecoveryBench.RunAsync(options, settings, data);
            default:
                throw new ArgumentException($"unknown benchmark {options.Bench}; known: w1, w2, gates, decisions, fairness, chaos, outages, isolation, overload, recovery");
        }
    }
}
