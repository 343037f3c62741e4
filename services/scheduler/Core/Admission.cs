using Beamline.Contracts.Json;
using Beamline.Contracts.Results;

namespace Beamline.Scheduler.Core;

/// <summary>An assignment that has been read and found valid, ready for the core.</summary>
/// <param name="Draft">The task as it would be, without its number and time.</param>
/// <param name="Keys">Its keys.</param>
/// <param name="Watcher">Who wants its result.</param>
/// <param name="FromBus">It came over the bus: whatever is decided is told there.</param>
internal sealed record Candidate(TaskInfo Draft, TaskKeys Keys, string? Watcher, bool FromBus);

/// <summary>What was found out about a step that is not open: in a ledger row that has ended, or in the state store.</summary>
/// <param name="TaskId">The row, or null when only the state store remembers.</param>
/// <param name="AssignmentId">The id under which it ran.</param>
/// <param name="BodyHash">Of what ran.</param>
/// <param name="State">The final state, as on the wire.</param>
/// <param name="Result">The ExecResult's bytes, where they are still kept.</param>
internal sealed record KnownStep(long? TaskId, string AssignmentId, byte[] BodyHash, string State, RawJson? Result);

internal enum AdmitVerdict
{
    /// <summary>Admitted now, on its own or as an alias.</summary>
    Admitted,

    /// <summary>Known already under this id.</summary>
    Duplicate,

    /// <summary>Known with another body.</summary>
    Conflict,

    /// <summary>The tenant is over one of its quotas.</summary>
    Quota,

    /// <summary>The scheduler has.</summary>
    Overload,

    /// <summary>The bus owes too much: nothing may be promised.</summary>
    OutboxFull,

    /// <summary>An ended row decides, and it has not been read: read it and ask again.</summary>
    NeedsRow,
}

internal readonly record struct AdmitDecision(AdmitVerdict Verdict)
{
    public string? State { get; init; }
    public bool Alias { get; init; }
    public RawJson? Result { get; init; }

    /// <summary>With an alias of what has ended: its ending, whose result's bytes are made before the commit.</summary>
    public TaskEnding? Ending { get; init; }

    /// <summary>With <see cref="AdmitVerdict.NeedsRow"/>: which.</summary>
    public long? Row { get; init; }
    public long? RetryAfterMs { get; init; }

    /// <summary>With <see cref="AdmitVerdict.Quota"/>: which, one of <see cref="Contracts.Errors.QuotaLimits"/>; with an overload <c>expired</c> when only its deadline stands against it.</summary>
    public string? Limit { get; init; }

    /// <summary>With a quota or an overload: what is used up, for the caller.</summary>
    public string? Why { get; init; }
}

/// <summary>Reads a stored ExecResult back into the step's result that it was made from.</summary>
internal static class StoredResult
{
    public static StepResult ToStep(TaskInfo task, ExecResult result) => new()
    {
        Status = result.Status switch
        {
            "success" => StepStatus.Ok,
            "timeout" => StepStatus.Timeout,
            "cancelled" => StepStatus.Cancelled,
            _ => StepStatus.Error,
        },
        ErrorCode = (Contracts.Errors.ErrorCode)result.ErrorCode,
        Metadata = StepMetadata.Of(task.Assignment),
        Outputs = result.Status == "success" ? result.Result : null,
        ErrorMessage = result.Error?.Message,
        ErrorDetails = result.Error?.Details,
        Retryable = result.Error?.Retryable,
        LatencyMs = result.LatencyMs,
        RetriesUsed = result.RetriesUsed,
        Metrics = result.Metadata.Metrics,
    };
}
