using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Admission;

/// <summary>A micro-batch of assignments to admit. Answered within 1.5 s, item by item, in the same order.</summary>
public sealed record AdmitRequest
{
    /// <summary>The gateway replica that asks; results of items with <see cref="AdmitItem.Wait"/> go to its watch stream.</summary>
    public string? Watcher { get; init; }
    public required IReadOnlyList<AdmitItem> Items { get; init; }
}

/// <summary>One assignment with who sends it. Rights come from here, never from the assignment itself.</summary>
public sealed record AdmitItem
{
    /// <summary>The exact bytes of the assignment.</summary>
    public required RawJson Assignment { get; init; }

    /// <summary><c>gateway</c> or <c>bus</c>.</summary>
    public required string Source { get; init; }
    public string? Principal { get; init; }

    /// <summary>Null: the tenant's policy.</summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>The watcher wants this task's result on its stream.</summary>
    public bool Wait { get; init; }
}

public static class AdmitSources
{
    public const string Gateway = "gateway";
    public const string Bus = "bus";
}

public sealed record AdmitResponse
{
    public required IReadOnlyList<AdmitOutcome> Items { get; init; }
}

public static class AdmitStatuses
{
    /// <summary>Committed to the ledger, now or earlier.</summary>
    public const string Accepted = "accepted";

    /// <summary>Answered for good: the same bytes would be rejected again (or, for quota and overload, not before retry_after_ms).</summary>
    public const string Rejected = "rejected";

    /// <summary>Not decided (the state store is away, the disk or the outbox is full): nothing was stored, no ack is sent; try again.</summary>
    public const string Refused = "refused";
}

public sealed record AdmitOutcome
{
    /// <summary>One of <see cref="AdmitStatuses"/>.</summary>
    public required string Status { get; init; }
    public string? AssignmentId { get; init; }
    public string? RequestId { get; init; }
    public string? TenantId { get; init; }

    /// <summary>One of <see cref="Tasks.TaskStates"/>, when accepted.</summary>
    public string? State { get; init; }

    /// <summary>True when this identity was admitted before (a repeat or an alias): nothing runs a second time.</summary>
    public bool Duplicate { get; init; }

    /// <summary>True when the same identity or assignment_id is known with another body (error 1001; HTTP 409).</summary>
    public bool Conflict { get; init; }
    public WireError? Error { get; init; }

    /// <summary>The ExecResult, when the task has ended already and the watcher waits for it.</summary>
    public RawJson? Result { get; init; }
}
