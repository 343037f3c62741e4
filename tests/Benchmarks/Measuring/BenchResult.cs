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

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BenchResult))]
[JsonSerializable(typeof(GatesResult))]
internal sealed partial class BenchJson : JsonSerializerContext;
