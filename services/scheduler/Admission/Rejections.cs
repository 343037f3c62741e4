using Beamline.Contracts.Errors;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Admission;

/// <summary>What the bus is told of an assignment that came over it and was rejected.</summary>
internal static class Rejections
{
    /// <summary>Once an item. Without room in the outbox the item is not decided after all: its message stays on the bus and comes again.</summary>
    public static void Tell(SchedulingCore core, long now, AdmissionItem item, WireError error)
    {
        if (item.Rejected)
        {
            return;
        }

        item.Rejected = true;
        if (core.OutboxIsFull)
        {
            item.Undecided = AdmissionItem.OutboxFull;
            item.Decision = null;
            return;
        }

        if (!item.Reading.Parsable)
        {
            core.DeadLetterRaw(now, item.Item.Assignment.Utf8.ToArray(), item.Reading.TenantId, item.Reading.AssignmentId, error.Code);
        }

        var unique = RejectionIds.Of(item.Item.Assignment, error, now);
        core.TellBus(now, OutboxKind.Ack, Acks.Rejected(item.Reading, error, now, unique));
        if (EventMessages.Rejected(item.Reading, error, now, unique) is { } told)
        {
            core.TellBus(now, OutboxKind.Event, told);
        }
    }
}
