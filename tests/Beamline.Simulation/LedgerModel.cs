using Beamline.Scheduler.Core;

namespace Beamline.Simulation;

/// <summary>What a ledger would hold: the committed batches, and what a scheduler that starts reads back.</summary>
internal sealed class LedgerModel(bool keepEnded)
{
    private readonly Dictionary<long, TaskWrite> _open = [];
    private readonly Dictionary<long, TaskWrite> _ended = [];
    private readonly List<RememberedCancel> _cancels = [];
    private readonly Dictionary<(string, long), CpuUse> _cpuUsed = [];

    public IReadOnlyCollection<TaskWrite> Open => _open.Values;

    /// <summary>Rows of tasks that have ended; empty when they are not kept.</summary>
    public IReadOnlyDictionary<long, TaskWrite> Ended => _ended;

    /// <summary>False when a row came that cannot be: inserted twice, changed before it was there, or changed after its end.</summary>
    public bool Apply(ChangeBatch batch)
    {
        var sound = true;
        foreach (var write in batch.Tasks)
        {
            var id = write.Task.Id;
            sound &= write.Insert != _open.ContainsKey(id) && !_ended.ContainsKey(id);
            if (write.Ending is null)
            {
                _open[id] = write;
                continue;
            }

            _open.Remove(id);
            if (keepEnded)
            {
                _ended[id] = write;
            }
        }

        foreach (var use in batch.CpuUsed)
        {
            _cpuUsed[(use.TenantId, use.Start)] = use;
        }

        _cancels.RemoveAll(c => batch.CancelsForgotten.Contains((c.TenantId, c.AssignmentId)));
        _cancels.AddRange(batch.CancelsRemembered);
        return sound;
    }

    public RestoredLedger Restore() => new(
        [.. _open.Values.Select(w => new RestoredTask(w.Task, w.State))],
        [.. _ended.Values.Select(w => new RestoredKeys(
            w.Task.Id,
            TaskKeys.Of(w.Task.Identity, w.Task.TenantId, w.Task.AssignmentId),
            w.Task.AliasOf is not null,
            w.State.Reported ? w.State.Lease : null))],
        [.. _cancels],
        0,
        [.. _cpuUsed.Values.OrderBy(u => u.Start)]);
}
