using System.Globalization;
using System.Text.Json;
using Beamline.Benchmarks.Measuring;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Benchmarks.Decisions;

/// <summary>
/// What choosing costs: a decision is the pick, the limits and the lease's record, in answers of 64 leases; every limit is set,
/// ten block types wait, nothing is written. How the cost grows with tenants and with what waits, and what a queued task weighs.
/// </summary>
internal static class DecisionsBench
{
    private const int Rounds = 5;
    private static readonly (int Tenants, int Queued)[] Profile =
        [(1, 1_000), (1, 100_000), (10, 100_000), (100, 100_000), (1_000, 100_000), (10_000, 100_000), (1_000, 1_000_000)];

    public static int Run(BenchOptions options)
    {
        var decisions = options.Tasks ?? 200_000;

        // Tier 1 code before anything counts.
        Measure(10, 1_000, decisions / 2, Limits());
        if (options.Profile)
        {
            PrintProfile(decisions);
        }

        var usual = Measure(1_000, 100_000, decisions, Limits());
        var oneTenant = Measure(1, 200_000, decisions, Limits());
        var manyTenants = Measure(100_000, 200_000, decisions, Limits());
        var fewQueued = Measure(100, 1_000 + DecisionRoom, decisions, Limits());
        var (manyQueued, bytes) = MeasureWithMemory(100, 1_000_000, decisions);
        var result = new DecisionsResult
        {
            DecisionsPerS = Math.Round(1e9 / usual.NsPerDecision),
            NsPerDecision = Math.Round(usual.NsPerDecision),
            Ratio1To100kTenants = BenchResult.Round(manyTenants.NsPerDecision / oneTenant.NsPerDecision),
            Ratio1kTo1mQueued = BenchResult.Round(manyQueued.NsPerDecision / fewQueued.NsPerDecision),
            BytesPerQueuedTask = Math.Round(bytes),
            NsPerReport = Math.Round((double)usual.Reporting / usual.Decisions),
            NsPerAdmission = Math.Round((double)usual.Admitting / usual.Decisions),
            BytesAllocatedPerDecision = Math.Round((double)usual.Allocated / usual.Decisions),
            Clock = ThreadClock.Name,
        };
        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.DecisionsResult));
        return 0;
    }

    /// <summary>What sixteen workers hold beside what waits.</summary>
    private const int DecisionRoom = 1_024;

    /// <summary>Every limit set and counted, none so low that it holds anybody back.</summary>
    private static TenantsOptions Limits() => new()
    {
        Default = new TenantLimits
        {
            MaxQueued = 10_000_000,
            MaxPayloadBytes = 1L << 40,
            AdmitPerSecond = 100_000_000,
            MaxRunning = 100_000,
            StartsPerSecond = 10_000_000,
            MaxMemoryMb = 100_000_000,
            CpuTimePerWindow = TimeSpan.FromDays(10),
            PerKey = new KeyLimits { MaxRunning = 100_000, StartsPerSecond = 10_000_000 },
        },
    };

    /// <summary>The same with half of the tenants held at one lease, and each key at two: what is passed over costs too.</summary>
    private static TenantsOptions TightLimits(int tenants)
    {
        var limits = Limits();
        limits.Default.PerKey = new KeyLimits { MaxRunning = 2 };
        for (var tenant = 0; tenant < tenants; tenant += 2)
        {
            limits.Overrides[DecisionTasks.TenantName(tenant)] = new TenantLimits { MaxRunning = 1 };
        }

        return limits;
    }

    private static StepTimes Measure(int tenants, int queued, int decisions, TenantsOptions limits)
    {
        var load = new DecisionLoad(tenants, limits);
        load.Queue(queued);
        return Median(load, decisions);
    }

    private static (StepTimes Times, double BytesPerTask) MeasureWithMemory(int tenants, int queued, int decisions)
    {
        var load = new DecisionLoad(tenants, Limits());
        var before = GC.GetTotalMemory(forceFullCollection: true);
        load.Queue(queued);
        var after = GC.GetTotalMemory(forceFullCollection: true);
        return (Median(load, decisions), (double)(after - before - load.PayloadBytes) / queued);
    }

    /// <summary>The middle one of a few rounds: a collection or a neighbour's burst of cache misses falls into some of them.</summary>
    private static StepTimes Median(DecisionLoad load, int decisions)
    {
        load.Run(decisions / Rounds);
        return Enumerable.Range(0, Rounds).Select(_ => load.Run(decisions / Rounds).Copy()).OrderBy(t => t.NsPerDecision).ElementAt(Rounds / 2);
    }

    private static void PrintProfile(int decisions)
    {
        Console.WriteLine("    tenants     queued   limits  ns/decision   ns/report    ns/admit     ns/tick  bytes/decision");
        foreach (var (tenants, queued) in Profile)
        {
            Print(tenants, queued, "loose", Measure(tenants, queued + DecisionRoom, decisions, Limits()));
        }

        Print(1_000, 100_000, "tight", Measure(1_000, 100_000 + DecisionRoom, decisions, TightLimits(1_000)));
    }

    private static void Print(int tenants, int queued, string limits, StepTimes times) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{tenants,11} {queued,10} {limits,8} {times.NsPerDecision,12:F0} {Each(times, times.Reporting),11:F0} {Each(times, times.Admitting),11:F0} {Each(times, times.Ticking),11:F0} {Each(times, times.Allocated),15:F0}"));

    private static double Each(StepTimes times, long sum) => (double)sum / times.Decisions;
}
