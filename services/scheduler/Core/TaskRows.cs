using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Core;

/// <summary>The rows that a task leaves behind on its way: events, messages for the bus, dead letters.</summary>
internal sealed class TaskRows(TaskTable table, ChangeSet changes, NumberSource numbers)
{
    /// <summary>Writes an event of the task.</summary>
    public void Tell(TaskEntry entry, string type, long at, RawJson? data = null)
    {
        entry.Info = entry.Info.Parsed();
        changes.Touch(entry);
        changes.Add(new EventRow
        {
            Seq = numbers.NextEvent(),
            TaskId = entry.Info.Id,
            Task = entry.Info,
            TenantId = entry.Info.TenantId,
            Sequence = ++entry.EventSequence,
            Type = type,
            At = at,
            Data = data,
        });
    }

    /// <summary>Owes the bus another message about a task.</summary>
    public void AddOutbox(OutboxKind kind, TaskInfo task, long at, TaskEnding? ending = null, DeadLetterRow? deadLetter = null, bool repeated = false)
    {
        var id = numbers.NextOutbox();
        table.OutboxRows++;
        changes.Add(new OutboxRow
        {
            Id = id,
            Kind = kind,
            TaskId = task.Id,
            // The row's own number tells a repeated ack from the first: the broker would drop the same id.
            Number = repeated ? id : 1,
            At = at,
            Task = task,
            Ending = ending,
            DeadLetter = deadLetter,
        });
    }

    /// <summary>Keeps a failed task for a person to look at, and owes the bus the message.</summary>
    public void DeadLetter(long now, TaskEntry entry, TaskEnding ending, Outcome outcome, string? reason)
    {
        var row = new DeadLetterRow
        {
            Id = numbers.NextDeadLetter(),
            TaskId = entry.Info.Id,
            TenantId = entry.Info.TenantId,
            AssignmentId = entry.Info.AssignmentId,
            Reason = reason ?? ErrorCatalogue.NameOf(outcome.ErrorCode),
            Delivery = entry.Delivery,
            Replay = entry.Info.Replay,
            At = now,
        };
        changes.Add(row);
        AddOutbox(OutboxKind.DeadLetter, entry.Info, now, ending, row);
    }
}
