namespace Beamline.Scheduler.Engine;

internal static partial class SchedulingEngineLog
{
    [LoggerMessage(1, LogLevel.Information, "Scheduler took over the ledger: epoch {Epoch}, {OpenTasks} open tasks, {OutboxRows} messages owed to the bus; read in {ReadMs} ms, placed in {PlaceMs} ms")]
    public static partial void LedgerTaken(this ILogger logger, long epoch, int openTasks, int outboxRows, long readMs, long placeMs);

    [LoggerMessage(2, LogLevel.Error, "Commit failed with SQLite code {SqliteCode}; nothing is lost, admission refuses and the commit is repeated until it succeeds")]
    public static partial void CommitFailed(this ILogger logger, Exception failure, int sqliteCode);

    [LoggerMessage(3, LogLevel.Information, "Commit succeeded again; admission is open")]
    public static partial void CommitRecovered(this ILogger logger);

    [LoggerMessage(4, LogLevel.Error, "Commit of {Tasks} task changes was given up at shutdown; none of them had been answered")]
    public static partial void CommitAbandoned(this ILogger logger, int tasks);

    [LoggerMessage(5, LogLevel.Critical, "Commit is impossible; nothing of it was answered, and the scheduler must start afresh on its ledger")]
    public static partial void CommitImpossible(this ILogger logger, Exception failure);

    [LoggerMessage(6, LogLevel.Warning, "Clock was set by {JumpMs} ms, or the machine slept; leases, holds and waits go on for as long as they had left")]
    public static partial void ClockWasSet(this ILogger logger, long jumpMs);
}
