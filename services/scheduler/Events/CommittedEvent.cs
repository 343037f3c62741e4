using Beamline.Contracts.Events;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;

namespace Beamline.Scheduler.Events;

/// <summary>An event row with its task, on its way to the bus.</summary>
internal sealed class CommittedEvent(EventRow row) : ILaneRow
{
    public long Id => row.Seq;

    public long TaskKey => row.TaskId;

    public string? AssignmentId => row.Task?.AssignmentId;

    public string TenantId => row.TenantId;

    public string Type => row.Type;

    public int Bytes => 320 + (row.Data?.Length ?? 0);

    public TaskEvent ToTaskEvent()
    {
        var task = row.Task ?? throw new InvalidOperationException($"Event {row.Seq} came without its task.");
        return EventMessages.ToTaskEvent(row, task.Assignment, task.Replay);
    }
}

/// <summary>One message of a tenant's events.</summary>
internal sealed class EventPack(string tenantId, IReadOnlyList<CommittedEvent> events) : IBusMessage
{
    private ReadOnlyMemory<byte>? _body;

    public long Id => events[0].Id;

    public IReadOnlyList<CommittedEvent> Events => events;

    public ReadOnlyMemory<byte> Body => _body ??= EventMessages.Pack(tenantId, [.. events.Select(each => each.ToTaskEvent())]);
}
