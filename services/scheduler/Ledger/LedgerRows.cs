using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Ledger;

/// <summary>What an outbox row turns into on the bus; the numbers are the ledger's.</summary>
public enum OutboxKind
{
    /// <summary>An ExecAssignmentAck: made from the task row, or from <see cref="OutboxRow.Data"/> where there is none.</summary>
    Ack = 1,

    /// <summary>The task's ExecResult: the bytes of the task row.</summary>
    Result = 2,

    /// <summary>A DeadLetter: made from the dead_letters row (and the task row).</summary>
    DeadLetter = 3,

    /// <summary>
    /// A finished TaskEvents of one event, in <see cref="OutboxRow.Data"/>: a rejection has no task row that it could stand under
    /// in the events table.
    /// </summary>
    Event = 4,
}

/// <summary>One message that the bus still owes. Rows are published in no promised order and marked when the bus has them.</summary>
public sealed record OutboxRow
{
    /// <summary>Rises over the ledger's life.</summary>
    public required long Id { get; init; }
    public required OutboxKind Kind { get; init; }
    public long? TaskId { get; init; }

    /// <summary>The n of <c>ack:tenant:assignment:n</c>; 1 for the first, this row's id for a repeated one.</summary>
    public long Number { get; init; } = 1;

    /// <summary>Unix milliseconds: acknowledged_at, or when the task ended.</summary>
    public required long At { get; init; }

    /// <summary>The finished message where it cannot be made from other rows at once (what tells of a rejection, an ack of what the ledger no longer holds, a repeated result).</summary>
    public RawJson? Data { get; init; }

    /// <summary>In a commit's notification only: the task itself, so that nothing need be read back.</summary>
    public TaskInfo? Task { get; init; }

    /// <summary>In a commit's notification only, for results and dead letters of tasks.</summary>
    public TaskEnding? Ending { get; init; }

    /// <summary>For <see cref="OutboxKind.DeadLetter"/>.</summary>
    public DeadLetterRow? DeadLetter { get; init; }
}

/// <summary>One event of a task; the wire's JSON is built when it is published or read.</summary>
public sealed record EventRow
{
    /// <summary>Over all tasks, rising: the publisher's cursor.</summary>
    public required long Seq { get; init; }
    public required long TaskId { get; init; }

    /// <summary>In a commit's notification only.</summary>
    public TaskInfo? Task { get; init; }
    public required string TenantId { get; init; }

    /// <summary>Within the task, from 1.</summary>
    public required long Sequence { get; init; }

    /// <summary>One of TaskEventTypes.</summary>
    public required string Type { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long At { get; init; }

    /// <summary>A JSON object; null stands for <c>{}</c>.</summary>
    public RawJson? Data { get; init; }
}

/// <summary>What ended badly, or could not be parsed (then <see cref="Raw"/> holds it and there is no task).</summary>
public sealed record DeadLetterRow
{
    public required long Id { get; init; }
    public long? TaskId { get; init; }
    public string? TenantId { get; init; }
    public string? AssignmentId { get; init; }
    public required string Reason { get; init; }
    public byte[]? Raw { get; init; }
    public int Delivery { get; init; } = 1;
    public int Replay { get; init; }
    public required long At { get; init; }
}
