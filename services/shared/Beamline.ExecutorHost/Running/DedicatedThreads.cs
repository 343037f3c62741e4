namespace Beamline.ExecutorHost.Running;

/// <summary>
/// Runs tasks on a fixed number of threads of its own, so that blocks which compute for seconds never starve the thread pool that
/// the exchange, health and heartbeats need. What an async step awaits comes back to these threads.
/// </summary>
internal sealed class DedicatedThreads : TaskScheduler, IDisposable
{
    // Guarded by itself; bounded by the slots: a slot has one loop, and a loop one continuation, at a time. A BlockingCollection
    // would spin before it waits, and short blocks make its threads wait thousands of times a second.
    private readonly Queue<Task> _queue = [];
    private bool _closed;

    [ThreadStatic]
    private static DedicatedThreads? _current;

    public DedicatedThreads(string name, int threads)
    {
        MaximumConcurrencyLevel = threads;
        for (var i = 0; i < threads; i++)
        {
            new Thread(Run) { IsBackground = true, Name = $"{name}-{i}" }.Start();
        }
    }

    public override int MaximumConcurrencyLevel { get; }

    /// <summary>The threads end when what is queued has run; one in a stuck block ends with the process.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            _closed = true;
            Monitor.PulseAll(_queue);
        }
    }

    /// <exception cref="InvalidOperationException">The threads have ended, or are about to.</exception>
    protected override void QueueTask(Task task)
    {
        lock (_queue)
        {
            if (_closed)
            {
                throw new InvalidOperationException("The threads take no more work.");
            }

            _queue.Enqueue(task);
            Monitor.Pulse(_queue);
        }
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        _current == this && !taskWasPreviouslyQueued && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_queue)
        {
            return [.. _queue];
        }
    }

    private void Run()
    {
        _current = this;
        while (Next() is { } task)
        {
            TryExecuteTask(task);
        }
    }

    private Task? Next()
    {
        lock (_queue)
        {
            while (_queue.Count == 0)
            {
                if (_closed)
                {
                    return null;
                }

                Monitor.Wait(_queue);
            }

            return _queue.Dequeue();
        }
    }
}
