using Beamline.Contracts.Assignments;

namespace Beamline.Scheduler.Core;

/// <summary>Cancellations that overtook their assignments: kept for a while, the oldest making room for the newest.</summary>
internal sealed class CancelMemory(SchedulingOptions options, ChangeSet changes)
{
    private readonly Dictionary<(string, string), LinkedListNode<RememberedCancel>> _byTask = [];
    private readonly LinkedList<RememberedCancel> _oldestFirst = [];

    public void Remember(long now, ExecCancel cancel)
    {
        if (_byTask.ContainsKey((cancel.TenantId, cancel.AssignmentId)))
        {
            return;
        }

        if (_byTask.Count >= options.MaxRememberedCancels)
        {
            Drop(_oldestFirst.First!);
        }

        var remembered = new RememberedCancel(
            cancel.TenantId, cancel.AssignmentId, cancel.Reason, cancel.RequestedBy, now + (long)options.RememberCancels.TotalMilliseconds);
        Restore(remembered);
        changes.Remember(remembered);
    }

    public void Restore(RememberedCancel cancel) =>
        _byTask[(cancel.TenantId, cancel.AssignmentId)] = _oldestFirst.AddLast(cancel);

    /// <summary>Whether the task was cancelled before it came; that is then settled.</summary>
    public bool Take(long now, string tenantId, string assignmentId)
    {
        if (_byTask.Count == 0 || !_byTask.TryGetValue((tenantId, assignmentId), out var node))
        {
            return false;
        }

        Drop(node);
        return node.Value.Until > now;
    }

    public void Expire(long now)
    {
        while (_oldestFirst.First is { } node && node.Value.Until <= now)
        {
            Drop(node);
        }
    }

    private void Drop(LinkedListNode<RememberedCancel> node)
    {
        _oldestFirst.Remove(node);
        _byTask.Remove((node.Value.TenantId, node.Value.AssignmentId));
        changes.Forget(node.Value.TenantId, node.Value.AssignmentId);
    }
}
