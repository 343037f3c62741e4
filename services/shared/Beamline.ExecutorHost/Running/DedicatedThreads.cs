using System.Collections.Concurrent;

namespace Beamline.ExecutorHost.Running;

/// <summary>
/// Runs tasks on a fixed number of threads of its own, so that blocks which compute for seconds never starve the thread pool that
/// the exchange, health and heartbeats need. What an async step awaits comes back to these threads.
/// </summary>
internal sealed class DedicatedThreads : TaskScheduler, IDisposable
{
    // Bounded by the slots: a slot has one loop, and a loop one continuation, at a time.
    private readonly BlockingCollection<Task> _queue = [];

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
    public void Dispose() => _queue.CompleteAdding();

    protected override void QueueTask(Task task) => _queue.Add(task);

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        _current == this && !taskWasPreviouslyQueued && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => [.. _queue];

    private void Run()
    {
        _current = this;
        foreach (var task in _queue.GetConsumingEnumerable())
        {
            TryExecuteTask(task);
        }
    }
}
