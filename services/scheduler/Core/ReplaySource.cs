namespace Beamline.Scheduler.Core;

/// <summary>A dead-lettered step that is to run again, as the ledger holds it.</summary>
internal sealed record ReplaySource
{
    public required long DeadLetterId { get; init; }

    /// <summary>Who asked for it.</summary>
    public required ReplayOrder Order { get; init; }

    /// <summary>The row that ended and was dead-lettered.</summary>
    public required EndedRow Row { get; init; }

    /// <summary>Rows that ended with it under other ids: they are told of the new end too.</summary>
    public IReadOnlyList<EndedRow> Aliases { get; init; } = [];
}

/// <summary>A row that has ended, and the number of its last event: the replay's events go on from there.</summary>
internal sealed record EndedRow(TaskInfo Task, long EventSequence);

/// <summary>One request to replay, of one dead letter or of many.</summary>
/// <param name="Id">Its row.</param>
/// <param name="RequestedBy">Who asked, as he says.</param>
/// <param name="Comment">Why, in his words.</param>
internal sealed record ReplayOrder(long Id, string? RequestedBy, string? Comment);

/// <summary>What became of a dead letter's replay when its turn came.</summary>
internal enum ReplayVerdict
{
    /// <summary>A row of its own runs now.</summary>
    Replayed,

    /// <summary>The tenant or the scheduler has no room: it keeps its place.</summary>
    Waits,

    /// <summary>The assignment's expires_at has passed in the meantime.</summary>
    Expired,

    /// <summary>The row that failed is no longer the newest of its assignment.</summary>
    Superseded,
}

/// <summary>A dead letter has been replayed as this row: committed together with the row, so neither can be without the other.</summary>
internal sealed record ReplayMark(long DeadLetterId, long TaskId, long At);
