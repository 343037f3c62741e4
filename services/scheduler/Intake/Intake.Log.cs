using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Intake;

internal static partial class IntakeLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Assignment {AssignmentId} of {TenantId} from the bus was rejected with {Code}: {Reason}")]
    public static partial void AssignmentRejected(this ILogger logger, string? assignmentId, string? tenantId, int code, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Assignment {AssignmentId} of {TenantId} stays on the bus: {Reason}")]
    public static partial void AssignmentRefused(this ILogger logger, string? assignmentId, string? tenantId, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Message of {Bytes} bytes on {Topic} was dropped, since it cannot be read: {Reason}")]
    public static partial void MessageUnreadable(this ILogger logger, string topic, int bytes, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Message from the bus was dropped, since its tenant_id or assignment_id is not valid")]
    public static partial void IdsInvalid(this ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Approval by {Approver} names {AssignmentId} of {TenantId}, which is not known")]
    public static partial void ApprovalWithoutTask(this ILogger logger, string assignmentId, string tenantId, string approver);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Approval of {AssignmentId} of {TenantId} by {Approver} was not taken, {Code}: {Reason}")]
    public static partial void ApprovalNotTaken(this ILogger logger, string assignmentId, string tenantId, string approver, int code, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Approval of {AssignmentId} of {TenantId} by {Approver} stays on the bus: {Reason}")]
    public static partial void ApprovalDelayed(this ILogger logger, string assignmentId, string tenantId, string approver, string reason);
}
