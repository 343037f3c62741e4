namespace Beamline.Scheduler.Core.Fairness;

/// <summary>The queue of each pool.</summary>
internal sealed class PoolQueues(SchedulingOptions options)
{
    private readonly Dictionary<string, PoolQueue> _queues = new(StringComparer.Ordinal);

    public Dictionary<string, PoolQueue> All => _queues;

    public PoolQueue Of(string pool)
    {
        if (!_queues.TryGetValue(pool, out var queue))
        {
            // Bounded by the pools of the contract: validation lets no other name through.
            _queues.Add(pool, queue = new PoolQueue(options));
        }

        return queue;
    }

    /// <summary>The places of all queued tasks were moved along with the clock.</summary>
    public void ClockWasSet()
    {
        foreach (var queue in _queues.Values)
        {
            queue.ClockWasSet();
        }
    }

    /// <summary>The workers that offer a type and were heard of within a lease's term.</summary>
    public IEnumerable<WorkerState> LiveWorkers(long now, string pool, string type)
    {
        var silent = now - (long)options.LeaseTerm.TotalMilliseconds;
        return Of(pool).Lines.Where(line => line.Offers(type)).SelectMany(line => line.Workers).Where(w => w.HeldWork is not null || w.LastHeard >= silent);
    }

    /// <summary>Whether a live worker runs such tasks and is large enough.</summary>
    public bool IsOffered(long now, TaskInfo task) => LiveWorkers(now, task.Pool, task.Type).Any(worker => worker.CouldHold(task));
}
