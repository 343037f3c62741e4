using Microsoft.Extensions.Logging;

namespace Beamline.DaprAccess;

internal static partial class TopicDeliveryLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Handling a message of {Topic} on {Pubsub} failed; it will be delivered again")]
    public static partial void DeliveryFailed(this ILogger<TopicDelivery> logger, string topic, string pubsub, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "A delivery of {Topic} on {Pubsub} was not what a sidecar sends")]
    public static partial void DeliveryUnreadable(this ILogger<TopicDelivery> logger, string topic, string pubsub, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "A message of {Topic} on {Pubsub} was dropped: larger than {MaxBytes} bytes")]
    public static partial void DeliveryTooLarge(this ILogger<TopicDelivery> logger, string topic, string pubsub, int maxBytes);
}
