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

/// <summary>The last line of <c>isolation</c>. Times are submit to result of the quiet tenant.</summary>
internal sealed record IsolationResult
{
    public string Bench { get; init; } = "isolation";
    public required int Tasks { get; init; }

    /// <summary>Of the flood.</summary>
    public required int Refused { get; init; }

    /// <summary>Answers against the contract, refusals of the quiet tenant, tasks that never ended.</summary>
    public required int Wrong { get; init; }

    /// <summary>Steps that hold one of eight slots for 100 ms each.</summary>
    [JsonPropertyName("p99_alone_ms")]
    public required double P99AloneMs { get; init; }

    [JsonPropertyName("p99_beside_ms")]
    public required double P99BesideMs { get; init; }

    [JsonPropertyName("p99_ratio")]
    public required double P99Ratio { get; init; }

    /// <summary>Steps that compute, on cores that they share with the flood, the platform and the submitter.</summary>
    [JsonPropertyName("computing_p99_alone_ms")]
    public required double ComputingP99AloneMs { get; init; }

    [JsonPropertyName("computing_p99_beside_ms")]
    public required double ComputingP99BesideMs { get; init; }

    [JsonPropertyName("computing_p99_ratio")]
    public required double ComputingP99Ratio { get; init; }
}

/// <summary>The last line of <c>overload</c>.</summary>
internal sealed record OverloadResult
{
    public string Bench { get; init; } = "overload";
    public required double Seconds { get; init; }
    public required double OfferedPerS { get; init; }
    public required int Offered { get; init; }
    public required int Accepted { get; init; }

    /// <summary>2004.</summary>
    public required int RefusedByQuota { get; init; }

    /// <summary>4002.</summary>
    public required int RefusedByOverload { get; init; }

    [JsonPropertyName("refusal_p50_ms")]
    public required double RefusalP50Ms { get; init; }

    [JsonPropertyName("refusal_p99_ms")]
    public required double RefusalP99Ms { get; init; }

    /// <summary>Answers against the contract.</summary>
    public required int Wrong { get; init; }

    /// <summary>Accepted, and neither a result nor a rejection on the bus.</summary>
    public required int Lost { get; init; }

    /// <summary>Put on the bus by the gateway because no scheduler answered in time, and rejected there.</summary>
    public required int RejectedOverBus { get; init; }

    /// <summary>Resident, at the end.</summary>
    public required double SchedulerMib { get; init; }

    /// <summary>Resident at the end over that at two fifths of the run.</summary>
    public required double SchedulerGrowth { get; init; }
    public required double GatewayMib { get; init; }
    public required double GatewayGrowth { get; init; }
}

/// <summary>The last line of <c>recovery</c>.</summary>
internal sealed record RecoveryResult
{
    public string Bench { get; init; } = "recovery";
    public required int OpenTasks { get; init; }

    /// <summary>From the start of the process until it serves; the longest of several starts.</summary>
    public required double ReadyS { get; init; }

    /// <summary>The same on an empty ledger: what the process itself takes.</summary>
    public required double ReadyEmptyS { get; init; }

    /// <summary>Of it, reading the ledger.</summary>
    public required double ReadS { get; init; }

    /// <summary>Of it, putting every task back where it stood.</summary>
    public required double PlaceS { get; init; }

    /// <summary>From the start of the executors until every task had its result.</summary>
    public required double EndedS { get; init; }
    public required int Lost { get; init; }
    public required IReadOnlyDictionary<string, int> Statuses { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BenchResult))]
[JsonSerializable(typeof(ChaosResult))]
[JsonSerializable(typeof(GatesResult))]
[JsonSerializable(typeof(DecisionsResult))]
[JsonSerializable(typeof(OutagesResult))]
[JsonSerializable(typeof(FairnessResult))]
[JsonSerializable(typeof(IsolationResult))]
[JsonSerializable(typeof(OverloadResult))]
[JsonSerializable(typeof(RecoveryResult))]
internal sealed partial class BenchJson : JsonSerializerContext;
