using Beamline.Contracts.Errors;

namespace Beamline.Contracts.Approvals;

/// <summary>The result of a human.approval: what was decided, by whom and when.</summary>
public sealed record ApprovalOutcome
{
    /// <summary>False: the approver said no, which is an answer and no failure.</summary>
    public required bool Approved { get; init; }
    public required string Approver { get; init; }
    public string? Comment { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long ApprovedAt { get; init; }
}

/// <summary>
/// Answer to <c>approvals/decide</c>, whose request is an Approval. Without <see cref="Error"/> the task ended with this
/// decision, now or before.
/// </summary>
public sealed record DecideApprovalResponse
{
    /// <summary>False when the tenant has no such task (any more).</summary>
    public bool Found { get; init; }

    /// <summary>The task's state.</summary>
    public string? State { get; init; }

    /// <summary>What was decided: by this request, or before it where <see cref="Repeated"/> or <see cref="Conflict"/> says so.</summary>
    public ApprovalOutcome? Decision { get; init; }

    /// <summary>The same decision had been taken before; nothing changed.</summary>
    public bool Repeated { get; init; }

    /// <summary>The task does not wait for a decision: decided otherwise, ended otherwise, not asked yet, or of another type.</summary>
    public bool Conflict { get; init; }

    /// <summary>Why the decision does not count: 2003 not a listed approver, 1001 with <see cref="Conflict"/>, 4002 not now.</summary>
    public WireError? Error { get; init; }
}

/// <summary><c>approvals/list</c>: what waits for a person, newest first. <see cref="Limit"/> 1 to 500, default 100.</summary>
public sealed record ListApprovalsRequest
{
    public required string TenantId { get; init; }
    public string? Cursor { get; init; }
    public int? Limit { get; init; }
}

public sealed record ListApprovalsResponse
{
    public required IReadOnlyList<ApprovalView> Approvals { get; init; }

    /// <summary>Opaque; null on the last page.</summary>
    public string? Cursor { get; init; }

    /// <summary>A fault in the request (a foreign cursor).</summary>
    public WireError? Error { get; init; }
}

/// <summary>A question that waits for a person.</summary>
public sealed record ApprovalView
{
    public required string TenantId { get; init; }
    public required string AssignmentId { get; init; }
    public string? RequestId { get; init; }
    public string? FlowId { get; init; }
    public string? StepId { get; init; }
    public required string Prompt { get; init; }
    public required IReadOnlyList<string> Approvers { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long WaitingSince { get; init; }

    /// <summary>Unix milliseconds; undecided then, the task times out.</summary>
    public required long ExpiresAt { get; init; }
}
