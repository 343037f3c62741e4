using Beamline.Contracts.Errors;

namespace Beamline.Contracts.Tasks;

/// <summary><c>tasks/explain</c>: why a task stands where it stands.</summary>
public sealed record ExplainTaskRequest(string TenantId, string AssignmentId);

public sealed record ExplainTaskResponse
{
    /// <summary>Null when the tenant has no such task.</summary>
    public TaskExplanation? Explanation { get; init; }
}

/// <summary>Why a task waits, and an estimate of for how long. True at the moment of asking; times are Unix milliseconds.</summary>
public sealed record TaskExplanation
{
    public required string AssignmentId { get; init; }
    public required string TenantId { get; init; }

    /// <summary>One of <see cref="TaskStates"/>.</summary>
    public required string State { get; init; }

    /// <summary>What it waits for, the most telling first; empty once it has ended.</summary>
    public required IReadOnlyList<WaitReason> Reasons { get; init; }

    /// <summary>With a queued task.</summary>
    public QueuePlace? Queue { get; init; }

    /// <summary>When it is expected to start, by measured run times and the tenant's share now; null when nothing can be said.</summary>
    public long? EstimatedStartAt { get; init; }

    /// <summary>When it ends by itself if nothing happens: the queue timeout, expires_at or the approval's end.</summary>
    public long? GivesUpAt { get; init; }
}

/// <summary>One reason why a task waits.</summary>
public sealed record WaitReason
{
    /// <summary>One of <see cref="WaitReasons"/>.</summary>
    public required string Code { get; init; }

    /// <summary>For people.</summary>
    public required string Message { get; init; }

    /// <summary>With <see cref="WaitReasons.Limit"/>: one of <see cref="QuotaLimits"/>.</summary>
    public string? Limit { get; init; }

    /// <summary>When the reason ends, where that is known.</summary>
    public long? Until { get; init; }
}

public static class WaitReasons
{
    public const string NotBefore = "not_before";
    public const string RetryLater = "retry_later";
    public const string Approval = "approval";

    /// <summary>The same step runs under another assignment_id.</summary>
    public const string Alias = "alias";

    /// <summary>No live worker offers the block type.</summary>
    public const string NoExecutor = "no_executor";

    /// <summary>No live worker has the memory that the task declares.</summary>
    public const string NoExecutorLargeEnough = "no_executor_large_enough";

    /// <summary>A limit of the tenant or of its concurrency key holds it.</summary>
    public const string Limit = "limit";

    /// <summary>Every worker that offers the type is busy; the place in the queue and the tenant's share say when.</summary>
    public const string WorkersBusy = "workers_busy";

    /// <summary>A worker is kept free until the task fits.</summary>
    public const string RoomReserved = "room_reserved";
    public const string Running = "running";
    public const string Cancelling = "cancelling";
}

/// <summary>Where a queued task stands.</summary>
public sealed record QueuePlace
{
    public required string Pool { get; init; }

    /// <summary>1: the next of its tenant in this pool. Never says anything about other tenants' tasks.</summary>
    public required int Position { get; init; }

    /// <summary>True when so many stand before it that they were not counted to the end.</summary>
    public bool PositionIsAtLeast { get; init; }

    /// <summary>The tenant's queued tasks in this pool.</summary>
    public required int TenantQueued { get; init; }

    /// <summary>The tenant's weight.</summary>
    public required double Weight { get; init; }

    /// <summary>The part of the pool that is the tenant's while those who wait now go on waiting, 0 to 1.</summary>
    public required double Share { get; init; }

    /// <summary>Slots of the live workers that offer the type, in use or not.</summary>
    public required int Slots { get; init; }
}
