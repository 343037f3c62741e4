using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Events;

internal static partial class EventPublisherLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Bus did not take events of {TenantId}: {Reason}. They are published later")]
    public static partial void EventsFailed(this ILogger logger, string tenantId, string? reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Bus takes events again after {Failures} failures")]
    public static partial void EventsRecovered(this ILogger logger, int failures);

    [LoggerMessage(Level = LogLevel.Error, Message = "Event {Type} of {AssignmentId} ({TenantId}) was not published after {Failures} failures while others went through: {Reason}. It stays readable")]
    public static partial void EventGivenUp(this ILogger logger, string tenantId, string? assignmentId, string type, int failures, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Ledger did not take the cursor {Cursor} of the events; it is saved later")]
    public static partial void CursorNotSaved(this ILogger logger, long cursor, Exception failure);

    [LoggerMessage(Level = LogLevel.Error, Message = "Ledger did not give the events to publish; read again later")]
    public static partial void EventsNotRead(this ILogger logger, Exception failure);
}
