using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Identity;

internal static partial class IdentityLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "State store does not answer ({Reason}): {Consequence}")]
    public static partial void StateStoreAway(this ILogger logger, string reason, string consequence);

    [LoggerMessage(Level = LogLevel.Information, Message = "State store answers again")]
    public static partial void StateStoreRecovered(this ILogger logger);

    [LoggerMessage(Level = LogLevel.Error, Message = "Key {Key} in the state store holds something else than a step; it was ignored")]
    public static partial void KeyUnreadable(this ILogger logger, string key);

    [LoggerMessage(Level = LogLevel.Warning, Message = "State store {Type} has no time to live: keys stay for ever")]
    public static partial void StoreWithoutTtl(this ILogger logger, string type);
}
