namespace Beamline.Gateway.Waiting;

internal static partial class WatchFeedLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "The stream of results was opened")]
    public static partial void StreamOpened(this ILogger<WatchFeed> logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "The scheduler ended the stream of results")]
    public static partial void StreamEnded(this ILogger<WatchFeed> logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The stream of results broke or could not be opened. {Reason}")]
    public static partial void StreamBroken(this ILogger<WatchFeed> logger, string reason);
}
