using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Draining;

internal static partial class LifetimeLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Worker {WorkerId} started: pool {Pool}, {Slots} slots, blocks {BlockTypes}")]
    public static partial void Started(this ILogger logger, string workerId, string pool, int slots, string blockTypes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Drain began with {Busy} slots busy and {Unreported} results unreported")]
    public static partial void DrainBegan(this ILogger logger, int busy, int unreported);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Drain time was over: {Busy} slots stopped, their steps handed back")]
    public static partial void DrainTimeWasOver(this ILogger logger, int busy);

    [LoggerMessage(Level = LogLevel.Information, Message = "Drained: everything held was reported")]
    public static partial void Drained(this ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Ended with {Unreported} results unreported; their leases run out at the scheduler")]
    public static partial void EndedUnreported(this ILogger logger, int unreported);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The exchange broke down; the process ends, its leases run out at the scheduler")]
    public static partial void BrokeDown(this ILogger logger, Exception exception);
}
