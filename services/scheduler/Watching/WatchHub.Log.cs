using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Watching;

internal static partial class WatchHubLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Watcher {Watcher} read more slowly than tasks ended; its stream was ended, it will ask again")]
    public static partial void WatcherOverflowed(this ILogger logger, string watcher);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Watcher {Watcher} awaits more than {Bound} tasks; the {Count} oldest were forgotten")]
    public static partial void AwaitedTasksForgotten(this ILogger logger, string watcher, int count, int bound);
}
