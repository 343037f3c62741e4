using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Retention;

internal static partial class RetentionLog
{
    [LoggerMessage(Level = LogLevel.Debug, Message = "Purged {Tasks} ended tasks and {DeadLetters} dead letters")]
    public static partial void Purged(this ILogger logger, int tasks, int deadLetters);

    [LoggerMessage(Level = LogLevel.Error, Message = "Purging failed; tried again later")]
    public static partial void PurgeFailed(this ILogger logger, Exception failure);
}
