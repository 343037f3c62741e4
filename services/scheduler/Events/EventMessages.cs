using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Events;

/// <summary>Turns event rows into the contract's TaskEvent and TaskEvents.</summary>
internal static class EventMessages
{
    private static readonly RawJson NoData = RawJson.FromString("{}");

    /// <summary>True for the events that say how a task, or its admission, ended.</summary>
    public static bool IsFinal(string type) => type is TaskEventTypes.Completed or TaskEventTypes.Failed or TaskEventTypes.TimedOut
        or TaskEventTypes.Cancelled or TaskEventTypes.Rejected or TaskEventTypes.DeadLettered;

    public static TaskEvent ToTaskEvent(EventRow row, ExecAssignment assignment, int replay) => new()
    {
        EventId = string.Create(CultureInfo.InvariantCulture, $"event:{row.TenantId}:{assignment.AssignmentId}:{replay}:{row.Sequence}"),
        Type = row.Type,
        AssignmentId = assignment.AssignmentId,
        TenantId = row.TenantId,
        FlowId = assignment.FlowId,
        StepId = assignment.StepId,
        RunId = assignment.RunId,
        TraceId = assignment.TraceId,
        Traceparent = assignment.Traceparent,
        Sequence = row.Sequence,
        At = row.At,
        Data = row.Data ?? NoData,
    };

    /// <summary>
    /// The message that tells a tenant of a rejection; null where no valid tenant id or assignment id could be read. There is no
    /// task to number its events: <paramref name="unique"/>, the rejecting ack's own, tells one rejection from the next, and a redelivered one from none.
    /// </summary>
    public static RawJson? Rejected(AssignmentReading reading, WireError error, long at, string unique)
    {
        // What a reading holds of ids is valid: the tenant's is fit for a topic.
        if (reading is not { TenantId: { } tenantId, AssignmentId: { } assignmentId })
        {
            return null;
        }

        return new RawJson(Pack(tenantId,
        [
            new TaskEvent
            {
                EventId = $"event:{tenantId}:{assignmentId}:rejected:{unique}",
                Type = TaskEventTypes.Rejected,
                AssignmentId = assignmentId,
                TenantId = tenantId,
                FlowId = reading.Assignment?.FlowId,
                StepId = reading.Assignment?.StepId,
                RunId = reading.Assignment?.RunId,
                TraceId = reading.TraceId,
                Traceparent = reading.Assignment?.Traceparent,
                Sequence = 1,
                At = at,
                Data = EventData.Of(("code", error.Code), ("number", error.Number), ("message", error.Message)),
            },
        ]));
    }

    /// <summary>One message of a tenant's events. Its id is a hash of theirs: the same events make the same bytes.</summary>
    public static byte[] Pack(string tenantId, IReadOnlyList<TaskEvent> events) => JsonSerializer.SerializeToUtf8Bytes(
        new TaskEvents { Id = IdOf(events), TenantId = tenantId, Events = events }, BeamlineJson.Default.TaskEvents);

    private static string IdOf(IReadOnlyList<TaskEvent> events)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var each in events)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(each.EventId));
            hash.AppendData("\n"u8); // never inside an id
        }

        return "events:" + Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
