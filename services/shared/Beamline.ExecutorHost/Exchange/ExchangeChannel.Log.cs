using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Exchange;

internal static partial class ExchangeLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Scheduler did not answer ({Reason}); what runs goes on within its leases")]
    public static partial void SchedulerLost(this ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Scheduler answered again after {SilenceMs} ms")]
    public static partial void SchedulerBack(this ILogger logger, long silenceMs);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Call {Seq} on channel {Channel} was superseded: does another process use this worker's id?")]
    public static partial void Superseded(this ILogger logger, string channel, long seq);
}
