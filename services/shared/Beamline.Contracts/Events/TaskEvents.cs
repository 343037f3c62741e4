using Beamline.Contracts.Json;

namespace Beamline.Contracts.Events;

/// <summary>The types of <see cref="TaskEvent"/>.</summary>
public static class TaskEventTypes
{
    public const string Accepted = "accepted";
    public const string Rejected = "rejected";
    public const string Started = "started";
    public const string Progress = "progress";
    public const string Retrying = "retrying";
    public const string Redelivered = "redelivered";
    public const string ApprovalNeeded = "approval_needed";
    public const string Completed = "completed";
    public const string Failed = "failed";
    public const string TimedOut = "timed_out";
    public const string Cancelled = "cancelled";
    public const string DeadLettered = "dead_lettered";
    public const string Replayed = "replayed";
}

/// <summary>One step in a task's life. Only the scheduler numbers and publishes them.</summary>
public sealed record TaskEvent
{
    public required string EventId { get; init; }
    public required string Type { get; init; }
    public required string AssignmentId { get; init; }
    public required string TenantId { get; init; }
    public string? FlowId { get; init; }
    public string? StepId { get; init; }
    public string? RunId { get; init; }
    public string? TraceId { get; init; }
    public string? Traceparent { get; init; }

    /// <summary>Rises by one within an assignment.</summary>
    public required long Sequence { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long At { get; init; }

    /// <summary>A JSON object.</summary>
    public required RawJson Data { get; init; }
}

/// <summary>A pack of one tenant's events, gathered for up to 50 ms, up to 100 of them.</summary>
public sealed record TaskEvents
{
    /// <summary>A hash of the event ids: the same pack has the same id.</summary>
    public required string Id { get; init; }
    public required string TenantId { get; init; }
    public required IReadOnlyList<TaskEvent> Events { get; init; }
}
