using System.Globalization;
using System.Text.Json.Serialization;

namespace Beamline.Benchmarks.Measuring;

/// <summary>The last line of stdout.</summary>
internal sealed record BenchResult
{
    public required string Bench { get; init; }
    public required string Runtime { get; init; }
    public required int Tasks { get; init; }

    /// <summary>Over the throughput part: from the first submit to the last result observed and checked.</summary>
    public required double TasksPerS { get; init; }

    /// <summary>CPU seconds of all processes, submitter included (w2's server not), per 1,000 tasks of the throughput part.</summary>
    [JsonPropertyName("cpu_s_per_1k")]
    public required double CpuSPer1k { get; init; }

    /// <summary>Submit to result, single submits at 200/s.</summary>
    public required double P50Ms { get; init; }
    public required double P95Ms { get; init; }
    public required double P99Ms { get; init; }

    /// <summary>Told to come again, which the load does not do.</summary>
    public required int Refused { get; init; }
    public required int Lost { get; init; }
    public required int Wrong { get; init; }
    public required string Synchronous { get; init; }
    public required string Events { get; init; }
    public required int Processes { get; init; }
    public required double FdatasyncMs { get; init; }

    public static double Round(double value) => double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}

/// <summary>The last line of <c>gates</c>.</summary>
internal sealed record GatesResult
{
    public string Bench { get; init; } = "gates";
    public required string Runtime { get; init; }
    public required double TasksPerS { get; init; }
    public required double HttpAddedP95Ms { get; init; }
    public required double FsAddedP95Ms { get; init; }
    public required double SqlAddedP95Ms { get; init; }
    public required bool Passed { get; init; }
}

/// <summary>The last line of <c>decisions</c>.</summary>
internal sealed record DecisionsResult
{
    public string Bench { get; init; } = "decisions";

    /// <summary>On one core, 1,000 tenants, 100,000 queued.</summary>
    public required double DecisionsPerS { get; init; }
    public required double NsPerDecision { get; init; }

    /// <summary>Cost of a decision at 100,000 tenants over that at one; 200,000 queued.</summary>
    [JsonPropertyName("ratio_1_to_100k_tenants")]
    public required double Ratio1To100kTenants { get; init; }

    /// <summary>Cost of a decision with 1,000,000 queued over that with 1,000; 100 tenants.</summary>
    [JsonPropertyName("ratio_1k_to_1m_queued")]
    public required double Ratio1kTo1mQueued { get; init; }

    /// <summary>Managed memory of a queued task, the bytes of its assignment subtracted.</summary>
    public required double BytesPerQueuedTask { get; init; }

    /// <summary>The report that ends a lease.</summary>
    public required double NsPerReport { get; init; }

    /// <summary>The admission of a task that has been read.</summary>
    public required double NsPerAdmission { get; init; }
    public required double BytesAllocatedPerDecision { get; init; }

    /// <summary>What the nanoseconds are: <c>thread_cpu</c>, or <c>elapsed</c> where the system does not tell a thread's CPU time.</summary>
    public required string Clock { get; init; }
}

/// <summary>The last line of <c>chaos</c>.</summary>
internal sealed record ChaosResult
{
    public string Bench { get; init; } = "chaos";
    public required double Seconds { get; init; }
    public required int TasksSent { get; init; }
    public required int TasksAccepted { get; init; }
    public required int Redelivered { get; init; }
    public required int WorkerLost { get; init; }
    public required int Cancelled { get; init; }
    public required int Kills { get; init; }
    public required int Recoveries { get; init; }
    public required double LongestRecoveryMs { get; init; }
    public required int Violations { get; init; }
}

/// <summary>The last line of <c>outages</c>.</summary>
internal sealed record OutagesResult
{
    public string Bench { get; init; } = "outages";
    public required double Seconds { get; init; }
    public required int TasksSent { get; init; }
    public required int TasksAccepted { get; init; }

    /// <summary>After an outage of 30 s: until the bus has everything that it was owed.</summary>
    public required double ShortOutageCaughtUpS { get; init; }

    /// <summary>After an outage of three minutes.</summary>
    public required double LongOutageCaughtUpS { get; init; }
    public required int Violations { get; init; }
}

/// <summary>The last line of <c>fairness</c>.</summary>
internal sealed record FairnessResult
{
    public string Bench { get; init; } = "fairness";
    public required long Tasks { get; init; }
    public required double SimulatedS { get; init; }

    /// <summary>Windows in which a backlogged tenant was entitled to at least 100 of the pool's largest tasks.</summary>
    public required long WindowsJudged { get; init; }

    /// <summary>Of those, the largest difference between received and entitled, as a part of entitled, rounded up.</summary>
    public required double WorstDeviation { get; init; }

    /// <summary>5 % at most.</summary>
    public required bool Passed { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BenchResult))]
[JsonSerializable(typeof(ChaosResult))]
[JsonSerializable(typeof(GatesResult))]
[JsonSerializable(typeof(DecisionsResult))]
[JsonSerializable(typeof(OutagesResult))]
[JsonSerializable(typeof(FairnessResult))]
internal sealed partial class BenchJson : JsonSerializerContext;
