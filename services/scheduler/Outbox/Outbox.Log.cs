namespace Beamline.Scheduler.Outbox;

internal static partial class OutboxLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Outbox rows for {Topic} were taken out, since what they are made from is gone: {Count}")]
    public static partial void RowsWithoutMessage(this ILogger logger, string topic, int count);
}
