namespace Beamline.Gateway.Submission;

internal static partial class AdmitBatcherLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "No scheduler answered an admission: submits go over the bus. {Reason}")]
    public static partial void SchedulerAway(this ILogger<AdmitBatcher> logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The scheduler answered admissions again")]
    public static partial void SchedulerBack(this ILogger<AdmitBatcher> logger);

    [LoggerMessage(Level = LogLevel.Error, Message = "An admission failed unexpectedly")]
    public static partial void AdmissionFailed(this ILogger<AdmitBatcher> logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The bus did not take assignments: submits were answered 503. {Reason}")]
    public static partial void BusAway(this ILogger<BusFallback> logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The bus took assignments again")]
    public static partial void BusBack(this ILogger<BusFallback> logger);
}
