using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Outbox;

/// <summary>An outbox row on its way to the bus. Its bytes are made when they are first needed: by the lane, not by the commit loop.</summary>
internal sealed class OutboxMessage(OutboxRow row) : ILaneRow, IBusMessage
{
    private ReadOnlyMemory<byte>? _body;

    public long Id => row.Id;

    public long TaskKey => row.TaskId ?? -row.Id;

    public string? AssignmentId => row.Task?.AssignmentId ?? row.DeadLetter?.AssignmentId;

    /// <summary>False when what the message is made from is gone.</summary>
    public bool CanBeMade => row is not { Data: null, Task: null, Ending: null, DeadLetter: null };

    /// <summary>The task, where the row came with it; a row read back from the ledger brings its message alone.</summary>
    public TaskInfo? Task => row.Task;

    /// <summary>The worker that ended the task, likewise.</summary>
    public string? Worker => row.Ending?.Worker;

    /// <summary>What the message weighs, about.</summary>
    public int Bytes { get; } = OutboxMessages.Estimate(row);

    public ReadOnlyMemory<byte> Body => _body ??= OutboxMessages.Build(row);
}
