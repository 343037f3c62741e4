namespace Beamline.Scheduler.Lanes;

/// <summary>A committed row on its way out of the ledger: to the bus, or to the state store.</summary>
internal interface ILaneRow
{
    long Id { get; }

    /// <summary>The task it belongs to: one batch holds at most one row of it. Rows without a task have a number of their own.</summary>
    long TaskKey { get; }

    /// <summary>The assignment's id, for logs.</summary>
    string? AssignmentId { get; }

    int Bytes { get; }
}

/// <summary>What became of a batch. <paramref name="AllFailed"/>: the other side is away, or one row spoils the batch.</summary>
internal sealed record LaneOutcome(bool AllFailed, IReadOnlySet<long> Failed, string? Reason)
{
    private static readonly HashSet<long> None = [];

    public static LaneOutcome Done { get; } = new(false, None, null);

    public static LaneOutcome Failure(string reason) => new(true, None, reason);
}
