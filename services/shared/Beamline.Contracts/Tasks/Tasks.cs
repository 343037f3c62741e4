using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Tasks;

/// <summary>Where a task stands. The last four are final and equal ExecResult.status.</summary>
public static class TaskStates
{
    public const string Queued = "queued";

    /// <summary>Waits for not_before or for a retry.</summary>
    public const string Parked = "parked";

    /// <summary>Waits for a person.</summary>
    public const string Waiting = "waiting";
    public const string Running = "running";
    public const string Success = "success";
    public const string Error = "error";
    public const string Timeout = "timeout";
    public const string Cancelled = "cancelled";

    public static bool IsFinal(string state) => state is Success or Error or Timeout or Cancelled;
}

/// <summary>Names one task of one tenant.</summary>
public sealed record TaskKey(string TenantId, string AssignmentId);

/// <summary>A task as the API shows it.</summary>
public sealed record TaskView
{
    public required string TenantId { get; init; }
    public required string AssignmentId { get; init; }
    public string? RequestId { get; init; }
    public required string State { get; init; }
    public string? Type { get; init; }
    public string? FlowId { get; init; }
    public string? StepId { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long AdmittedAt { get; init; }
    public long? StartedAt { get; init; }
    public long? CompletedAt { get; init; }
    public int Delivery { get; init; }
    public int RetriesUsed { get; init; }

    /// <summary>Of a step that was dead-lettered and replayed: the ordinal of the newest replay, which is what is shown.</summary>
    public int? Replay { get; init; }

    /// <summary>The ExecResult's exact bytes, once there is one.</summary>
    public RawJson? Result { get; init; }
}

/// <summary><c>tasks/get</c>: <see cref="GetTaskResponse.Task"/> is null when the tenant has no such task.</summary>
public sealed record GetTaskRequest(string TenantId, string AssignmentId);

public sealed record GetTaskResponse
{
    public TaskView? Task { get; init; }
}

/// <summary><c>tasks/list</c>: newest first. <see cref="Limit"/> 1 to 500, default 100.</summary>
public sealed record ListTasksRequest
{
    public required string TenantId { get; init; }
    public string? State { get; init; }
    public string? Type { get; init; }
    public string? Cursor { get; init; }
    public int? Limit { get; init; }
}

public sealed record ListTasksResponse
{
    public required IReadOnlyList<TaskView> Tasks { get; init; }

    /// <summary>Opaque; null on the last page.</summary>
    public string? Cursor { get; init; }

    /// <summary>A fault in the request (an unknown state, a foreign cursor).</summary>
    public WireError? Error { get; init; }
}

/// <summary>
/// <c>tasks/wait</c>: registers the watcher's interest in these tasks and answers at once with those that have ended
/// already or do not exist; the others arrive on the watcher's stream. Up to 10,000 keys a call.
/// </summary>
public sealed record WaitTasksRequest
{
    public required string Watcher { get; init; }
    public required IReadOnlyList<TaskKey> Tasks { get; init; }
}

public sealed record WaitTasksResponse
{
    public required IReadOnlyList<TaskEnded> Ended { get; init; }

    /// <summary>Tasks that the ledger does not know (not yet, if they went over the bus).</summary>
    public required IReadOnlyList<TaskKey> Unknown { get; init; }
}

/// <summary><c>tasks/watch</c>: a held NDJSON stream of <see cref="WatchLine"/>, one a watcher; a newer stream of the same watcher ends the older.</summary>
public sealed record WatchTasksRequest(string Watcher);

/// <summary>One line of the watch stream: results, or an empty keep-alive every few seconds.</summary>
public sealed record WatchLine
{
    public IReadOnlyList<TaskEnded>? Ended { get; init; }

    /// <summary>True on the first line: the stream is registered, ask again for whatever is awaited.</summary>
    public bool? Opened { get; init; }
}

public sealed record TaskEnded
{
    public required string TenantId { get; init; }
    public required string AssignmentId { get; init; }

    /// <summary>The ExecResult's exact bytes.</summary>
    public required RawJson Result { get; init; }
}

/// <summary><c>tasks/events</c>: events after a sequence number; held up to <see cref="HoldMs"/> (at most 20 s) when there is none yet.</summary>
public sealed record TaskEventsRequest
{
    public required string TenantId { get; init; }
    public required string AssignmentId { get; init; }
    public long AfterSequence { get; init; }
    public int HoldMs { get; init; }
}

public sealed record TaskEventsResponse
{
    /// <summary>False when the tenant has no such task.</summary>
    public bool Found { get; init; }
    public required IReadOnlyList<TaskEvent> Events { get; init; }

    /// <summary>True when the task has ended and no later event will come.</summary>
    public bool Ended { get; init; }
}

/// <summary>Answer to <c>tasks/cancel</c>, whose request is an ExecCancel.</summary>
public sealed record CancelTaskResponse
{
    /// <summary>False when the tenant has no such task: the cancellation is remembered for ten minutes.</summary>
    public bool Found { get; init; }
    public string? State { get; init; }
}

/// <summary><c>dead-letters/list</c>: newest first.</summary>
public sealed record ListDeadLettersRequest
{
    public required string TenantId { get; init; }
    public string? Cursor { get; init; }
    public int? Limit { get; init; }
}

public sealed record ListDeadLettersResponse
{
    /// <summary>DeadLetter messages, redacted.</summary>
    public required IReadOnlyList<RawJson> DeadLetters { get; init; }
    public string? Cursor { get; init; }

    /// <summary>A fault in the request (a foreign cursor).</summary>
    public WireError? Error { get; init; }
}
