using System.Globalization;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;

namespace Beamline.Scheduler.Core;

/// <summary>The acks of assignments, as the bus carries them.</summary>
public static class Acks
{
    /// <summary>The word on an admitted assignment; <paramref name="number"/> is 1 for the first, another for each repeat.</summary>
    public static RawJson Accepted(TaskInfo task, long at, long number)
    {
        var assignment = task.Assignment;
        return RawJson.From(new ExecAssignmentAck
        {
            Id = string.Create(CultureInfo.InvariantCulture, $"ack:{assignment.TenantId}:{assignment.AssignmentId}:{number}"),
            AssignmentId = assignment.AssignmentId,
            Status = AckStatuses.Accepted,
            Message = "Assignment accepted for execution",
            RequestId = assignment.RequestId,
            TraceId = assignment.TraceId,
            TenantId = assignment.TenantId,
            AcknowledgedAt = at,
        }, BeamlineJson.Default.ExecAssignmentAck);
    }

    /// <summary>The word on one that was not taken, with whatever ids could be read. There is no row for it, so its id is <paramref name="unique"/>.</summary>
    public static RawJson Rejected(AssignmentReading reading, WireError error, long at, string unique) => RawJson.From(new ExecAssignmentAck
    {
        Id = $"ack:{unique}",
        AssignmentId = reading.AssignmentId,
        Status = AckStatuses.Rejected,
        Message = error.Message,
        RequestId = reading.RequestId,
        TraceId = reading.TraceId,
        TenantId = reading.TenantId,
        AcknowledgedAt = at,
        Error = error,
    }, BeamlineJson.Default.ExecAssignmentAck);
}
