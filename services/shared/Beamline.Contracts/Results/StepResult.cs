using System.Text.Json.Serialization;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Results;

[JsonConverter(typeof(JsonStringEnumConverter<StepStatus>))]
public enum StepStatus
{
    [JsonStringEnumMemberName("ok")]
    Ok,
    [JsonStringEnumMemberName("error")]
    Error,
    [JsonStringEnumMemberName("timeout")]
    Timeout,
    [JsonStringEnumMemberName("cancelled")]
    Cancelled,
}

/// <summary>What every block returns, whatever happens. One converter (ResultConverter) turns it into an ExecResult.</summary>
public sealed record StepResult
{
    public required StepStatus Status { get; init; }
    public required ErrorCode ErrorCode { get; init; }
    public required StepMetadata Metadata { get; init; }

    /// <summary>A JSON object; null unless the status is ok.</summary>
    public RawJson? Outputs { get; init; }
    public string? ErrorMessage { get; init; }

    /// <summary>A JSON object with more about the error.</summary>
    public RawJson? ErrorDetails { get; init; }

    /// <summary>Whether trying again may help, by cause; null: the code decides.</summary>
    public bool? Retryable { get; init; }
    public long LatencyMs { get; init; }
    public int RetriesUsed { get; init; }
    public StepMetrics? Metrics { get; init; }
}

/// <summary>Each of these is required whenever the assignment carried it.</summary>
public sealed record StepMetadata
{
    public string? TraceId { get; init; }
    public string? RunId { get; init; }
    public string? FlowId { get; init; }
    public string? StepId { get; init; }
    public required string TenantId { get; init; }

    /// <summary>What the assignment carries.</summary>
    public static StepMetadata Of(ExecAssignment assignment) => new()
    {
        TraceId = assignment.TraceId,
        RunId = assignment.RunId,
        FlowId = assignment.FlowId,
        StepId = assignment.StepId,
        TenantId = assignment.TenantId,
    };
}

public sealed record StepMetrics
{
    public long CpuTimeMs { get; init; }
    public long MemBytes { get; init; }

    /// <summary>False where the figures are an estimate rather than a measurement.</summary>
    public bool? Exact { get; init; }
}
