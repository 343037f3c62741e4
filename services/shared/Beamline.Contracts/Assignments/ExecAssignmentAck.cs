using Beamline.Contracts.Errors;

namespace Beamline.Contracts.Assignments;

/// <summary>The scheduler's word on an assignment: taken or not.</summary>
public sealed record ExecAssignmentAck
{
    /// <summary><c>ack:tenant:assignment:n</c>; random where there is no ledger row.</summary>
    public required string Id { get; init; }
    public string? AssignmentId { get; init; }

    /// <summary><c>accepted</c> or <c>rejected</c>.</summary>
    public required string Status { get; init; }
    public required string Message { get; init; }
    public string? RequestId { get; init; }
    public string? TraceId { get; init; }
    public string? TenantId { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long AcknowledgedAt { get; init; }
    public WireError? Error { get; init; }
}

/// <summary>Asks that an assignment end as cancelled. Idempotent; may overtake its assignment.</summary>
public sealed record ExecCancel
{
    public required string AssignmentId { get; init; }
    public required string TenantId { get; init; }
    public string? Reason { get; init; }
    public string? RequestedBy { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long RequestedAt { get; init; }
}

/// <summary>A decision on a human.approval.</summary>
public sealed record Approval
{
    public required string AssignmentId { get; init; }
    public required string TenantId { get; init; }
    public required bool Approved { get; init; }
    public required string Approver { get; init; }
    public string? Comment { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long DecidedAt { get; init; }
}
