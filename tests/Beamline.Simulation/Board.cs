using Beamline.Scheduler.Core;

namespace Beamline.Simulation;

/// <summary>
/// Where every task stands by what the scheduler has decided, read from its sealed changes; tells the witnesses each step. Keeps
/// nothing that the core counts: what is counted here is counted again, independently.
/// </summary>
internal sealed class Board(Agenda agenda, IReadOnlyList<Witness> witnesses)
{
    private readonly Dictionary<string, SimTask> _tasks = new(StringComparer.Ordinal);

    /// <summary>Tasks whose end has not been committed, by id.</summary>
    public IReadOnlyDictionary<string, SimTask> Tasks => _tasks;

    public void Submitted(SimTask task) => _tasks.TryAdd(task.Id, task);

    /// <summary>Takes in what was decided in a call, or in a part of it.</summary>
    public void Take(ChangeBatch batch)
    {
        foreach (var write in batch.Tasks)
        {
            if (_tasks.TryGetValue(write.Task.AssignmentId, out var task))
            {
                Move(task, write);
            }
            else
            {
                Each(w => w.Fail($"{write.Task.AssignmentId} changed after its end"));
            }
        }
    }

    /// <summary>The call is over.</summary>
    public void Settle() => Each(w => w.Settled(agenda.Now));

    /// <summary>Not admitted after all: it will not be heard of again.</summary>
    public void Refused(SimTask task) => _tasks.Remove(task.Id);

    /// <summary>A scheduler has started again on the ledger: what was decided and not committed has never been.</summary>
    public void Restarted(LedgerModel ledger)
    {
        foreach (var task in _tasks.Values)
        {
            (task.Phase, task.Lease, task.Worker) = (null, 0, null);
        }

        Each(w => w.Forget(agenda.Now));
        foreach (var write in ledger.Open)
        {
            Move(_tasks[write.Task.AssignmentId], write);
        }
    }

    public void Committed(ChangeBatch batch)
    {
        foreach (var ending in batch.Endings)
        {
            Each(w => w.Ended(agenda.Now, ending));
            _tasks.Remove(ending.Task.AssignmentId);
        }
    }

    public void Each(Action<Witness> tell)
    {
        foreach (var witness in witnesses)
        {
            tell(witness);
        }
    }

    private void Move(SimTask task, TaskWrite write)
    {
        var (before, state) = (task.Phase, write.State);
        if (before == TaskPhase.Running && (state.Phase != TaskPhase.Running || state.Lease != task.Lease))
        {
            Each(w => w.Released(agenda.Now, task, state.Reported, state.RanMs));
            task.Phase = before = null;
        }

        if (state.Phase == TaskPhase.Queued && before != TaskPhase.Queued)
        {
            (task.Phase, task.QueuedAt) = (TaskPhase.Queued, state.QueuedAt);
            Each(w => w.Queued(agenda.Now, task));
        }
        else if (state.Phase == TaskPhase.Running && before != TaskPhase.Running)
        {
            if (before != TaskPhase.Queued)
            {
                // It passed through the queue within this one call, or was restored.
                task.QueuedAt = state.QueuedAt;
                Each(w => w.Queued(agenda.Now, task));
            }

            (task.Lease, task.Worker) = (state.Lease, state.Worker);
            Each(w => w.Leased(agenda.Now, task));
        }
        else if (state.Phase != TaskPhase.Queued && before == TaskPhase.Queued)
        {
            Each(w => w.Unqueued(agenda.Now, task));
        }

        task.Phase = state.Phase;
        if (write.Ending is not null)
        {
            Each(w => w.Closed(agenda.Now, task));
        }
    }
}
