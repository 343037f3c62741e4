using System.Text.Json.Serialization;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Results;

/// <summary>The one final result of (tenant_id, assignment_id, replay). Committed as bytes, always published as those bytes.</summary>
public sealed record ExecResult
{
    /// <summary><c>result:tenant:assignment:replay</c>.</summary>
    public required string Id { get; init; }
    public required string AssignmentId { get; init; }
    public required string RequestId { get; init; }

    /// <summary><c>success</c>, <c>error</c>, <c>timeout</c> or <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public RawJson? Result { get; init; }

    /// <summary>Repeats <see cref="Result"/> for readers of the older form; left out above 64 KiB or by setting.</summary>
    public RawJson? Outputs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public WireError? Error { get; init; }
    public required int ErrorCode { get; init; }
    public required long LatencyMs { get; init; }
    public required int RetriesUsed { get; init; }
    public required ResultMetadata Metadata { get; init; }
    public string? TraceId { get; init; }
    public string? RunId { get; init; }
    public string? FlowId { get; init; }
    public string? StepId { get; init; }
    public required string TenantId { get; init; }
    public string? Traceparent { get; init; }
    public string? Tracestate { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long CompletedAt { get; init; }
}

public sealed record ResultMetadata
{
    public required string BlockType { get; init; }
    public string? BlockVersion { get; init; }
    public required string ProviderId { get; init; }
    public string? WorkerId { get; init; }
    public string? Pool { get; init; }
    public required int Attempt { get; init; }
    public required int Delivery { get; init; }
    public required int Replay { get; init; }
    public bool? Sandbox { get; init; }
    public StepMetrics? Metrics { get; init; }
}
