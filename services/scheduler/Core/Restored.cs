namespace Beamline.Scheduler.Core;

/// <summary>What a ledger holds when a scheduler starts.</summary>
internal sealed record RestoredLedger(
    IReadOnlyCollection<RestoredTask> OpenTasks,
    IReadOnlyCollection<RestoredKeys> Keys,
    IReadOnlyCollection<RememberedCancel> Cancels,
    int OutboxRows,
    IReadOnlyCollection<CpuUse>? CpuUsed = null);

/// <summary>An open task and where it stood.</summary>
internal sealed record RestoredTask(TaskInfo Info, TaskRowState State);

/// <summary>The keys of a row that has ended, and its lease when that ended by an accepted report.</summary>
internal readonly record struct RestoredKeys(long TaskId, TaskKeys Keys, bool Alias, long? AcceptedLease);
