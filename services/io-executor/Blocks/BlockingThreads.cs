using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Beamline.IoExecutor.Blocks;

/// <summary>
/// A bounded set of threads for calls that cannot be cancelled (file IO, SQLite). A caller whose token ends leaves at once; the call itself
/// keeps its thread until it returns and is counted as stuck meanwhile. When every thread is taken, work waits in a bounded queue;
/// when that is full too, it is refused: a hanging disk costs its own steps, never the pool's other work.
/// </summary>
internal sealed class BlockingThreads : IDisposable
{
    private readonly BlockingCollection<Work> _queue;
    private readonly Meter _meter = new("Beamline.IoExecutor");
    private readonly string _name;
    private readonly int _maxThreads;
    private int _threads;

    // Work queued or running. Counted before it is queued, so that one waiting behind a long call always gets a thread of its own.
    private int _pending;
    private int _stuck;

    public BlockingThreads(string name, int threads, int queueCapacity)
    {
        _name = name;
        _maxThreads = threads;
        _queue = new BlockingCollection<Work>(queueCapacity);
        _meter.CreateObservableGauge(
            "worker_stuck_calls", () => new Measurement<int>(Stuck, KeyValuePair.Create<string, object?>("kind", name)),
            description: "Calls that were given up and have not returned yet.");
    }

    /// <summary>Calls whose caller has gone and which have not returned yet.</summary>
    public int Stuck => Volatile.Read(ref _stuck);

    /// <summary>Null when the queue is full. The task ends as cancelled as soon as the token does, whatever the call does.</summary>
    public Task<T>? TryRun<T>(Func<CancellationToken, T> call, CancellationToken cancellation)
    {
        var work = new Work<T>(this, call, cancellation);
        var pending = Interlocked.Increment(ref _pending);
        if (!_queue.TryAdd(work))
        {
            Interlocked.Decrement(ref _pending);
            return null;
        }

        StartThreadIfNeeded(pending);
        return work.Completion;
    }

    /// <summary>Ends the threads once the queue is empty; one that is stuck does not hold the process up.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        _meter.Dispose();
    }

    private void StartThreadIfNeeded(int pending)
    {
        // Threads start on demand and stay: a pool that never sees a file pays nothing.
        while (Volatile.Read(ref _threads) is var threads && threads < _maxThreads && pending > threads)
        {
            if (Interlocked.CompareExchange(ref _threads, threads + 1, threads) == threads)
            {
                new Thread(Run) { IsBackground = true, Name = $"{_name} {threads + 1}" }.Start();
                return;
            }
        }
    }

    private void Run()
    {
        foreach (var work in _queue.GetConsumingEnumerable())
        {
            work.Run();
            Interlocked.Decrement(ref _pending);
        }
    }

    private abstract class Work
    {
        public abstract void Run();
    }

    private sealed class Work<T> : Work
    {
        private readonly BlockingThreads _owner;
        private readonly Func<CancellationToken, T> _call;
        private readonly CancellationToken _cancellation;
        private readonly CancellationTokenRegistration _left;
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock _lock = new();

        // Guarded by _lock: whether the call has begun, has returned, and whether it counts as stuck.
        private bool _running;
        private bool _counted;

        public Work(BlockingThreads owner, Func<CancellationToken, T> call, CancellationToken cancellation)
        {
            (_owner, _call, _cancellation) = (owner, call, cancellation);
            _left = cancellation.Register(static state => ((Work<T>)state!).CallerLeft(), this);
        }

        public Task<T> Completion => _done.Task;

        public override void Run()
        {
            lock (_lock)
            {
                if (_done.Task.IsCompleted)
                {
                    return;
                }

                _running = true;
            }

            try
            {
                _done.TrySetResult(_call(_cancellation));
            }
            catch (OperationCanceledException) when (_cancellation.IsCancellationRequested)
            {
                _done.TrySetCanceled(_cancellation);
            }
#pragma warning disable CA1031 // The top of the thread: the failure is the caller's.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                _done.TrySetException(failure);
            }

            _left.Dispose();
            lock (_lock)
            {
                _running = false;
                if (_counted)
                {
                    Interlocked.Decrement(ref _owner._stuck);
                }
            }
        }

        private void CallerLeft()
        {
            lock (_lock)
            {
                if (_running && !_counted)
                {
                    _counted = true;
                    Interlocked.Increment(ref _owner._stuck);
                }

                _done.TrySetCanceled(_cancellation);
            }
        }
    }
}
