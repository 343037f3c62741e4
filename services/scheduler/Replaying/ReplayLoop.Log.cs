using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Replaying;

internal static partial class ReplayLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Replaying dead letters failed; tried again")]
    public static partial void ReplayFailed(this ILogger logger, Exception failure);

    [LoggerMessage(Level = LogLevel.Information, Message = "Every dead letter of replay {ReplayId} had its turn")]
    public static partial void ReplayDone(this ILogger logger, string replayId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The dead letter of {AssignmentId} of {TenantId} was not replayed by {ReplayId}: {Reason}")]
    public static partial void ReplayRefused(this ILogger logger, string assignmentId, string tenantId, string replayId, string reason);
}
