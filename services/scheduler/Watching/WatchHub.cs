using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Engine;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Watching;

/// <summary>
/// Hands results to the gateways that wait for them: a stream for each watcher, fed with the tasks that it admitted for waiting
/// clients and those that it asked for by tasks/wait. What ends while a watcher has no stream is not kept: it asks again when
/// it connects.
/// </summary>
internal sealed class WatchHub(IOptions<WatchOptions> options, TimeProvider time, ILogger<WatchHub> logger) : ICommitListener
{
    private readonly WatchOptions _options = options.Value;
    private readonly Lock _lock = new(); // guards the fields below and the watchers in it
    private readonly Dictionary<string, Watcher> _watchers = new(StringComparer.Ordinal);
    private bool _closed;

    /// <summary>Connects a watcher; a stream that it has already is ended. Null when there are too many watchers, or at shutdown.</summary>
    public WatchStream? Open(string name)
    {
        WatchStream? older;
        WatchStream stream;
        lock (_lock)
        {
            if (_closed || Watcher_NeedsLock(name) is not { } watcher)
            {
                return null;
            }

            stream = new WatchStream(_options, time);
            (older, watcher.Stream) = (watcher.Stream, stream);
        }

        older?.End();
        return stream;
    }

    /// <summary>Says that a stream is no longer read. Its watcher is remembered for a while.</summary>
    public void Close(string name, WatchStream stream)
    {
        stream.End();
        lock (_lock)
        {
            if (_watchers.TryGetValue(name, out var watcher) && watcher.Stream == stream)
            {
                (watcher.Stream, watcher.GoneSince) = (null, time.GetUtcNow());
            }
        }
    }

    /// <summary>Registers interest in results to come. False when there are too many watchers.</summary>
    public bool Await(string name, IReadOnlyList<TaskKey> keys)
    {
        var forgotten = 0;
        lock (_lock)
        {
            if (Watcher_NeedsLock(name) is not { } watcher)
            {
                return false;
            }

            foreach (var key in keys)
            {
                forgotten += watcher.Awaited.Add(key) ? 0 : 1;
            }
        }

        if (forgotten > 0)
        {
            logger.AwaitedTasksForgotten(name, forgotten, _options.AwaitedTasks);
        }

        return true;
    }

    /// <summary>Takes interest back where the watcher has its answer already.</summary>
    public void Forget(string name, IEnumerable<TaskEnded> ended)
    {
        lock (_lock)
        {
            if (_watchers.TryGetValue(name, out var watcher))
            {
                foreach (var each in ended)
                {
                    watcher.Awaited.Remove(new TaskKey(each.TenantId, each.AssignmentId));
                }
            }
        }
    }

    /// <summary>Sends a result to one watcher's stream, if it has one.</summary>
    public void Deliver(string name, TaskEnded result)
    {
        lock (_lock)
        {
            if (_watchers.TryGetValue(name, out var watcher))
            {
                Deliver_NeedsLock(watcher, result);
            }
        }
    }

    public void OnCommitted(CommittedBatch batch)
    {
        lock (_lock)
        {
            if (_watchers.Count == 0)
            {
                return;
            }

            foreach (var ending in batch.Endings)
            {
                var key = new TaskKey(ending.Task.TenantId, ending.Task.AssignmentId);
                TaskEnded? result = null;
                foreach (var watcher in _watchers.Values)
                {
                    if (watcher.Awaited.Remove(key) | ending.Watchers.Contains(watcher.Name))
                    {
                        result ??= new TaskEnded { TenantId = key.TenantId, AssignmentId = key.AssignmentId, Result = ending.Result };
                        Deliver_NeedsLock(watcher, result);
                    }
                }
            }
        }
    }

    /// <summary>Ends every stream and takes no new one: for shutdown.</summary>
    public void CloseAll()
    {
        List<WatchStream> streams;
        lock (_lock)
        {
            _closed = true;
            streams = [.. _watchers.Values.Select(watcher => watcher.Stream).OfType<WatchStream>()];
        }

        streams.ForEach(stream => stream.End());
    }

    private void Deliver_NeedsLock(Watcher watcher, TaskEnded result)
    {
        if (watcher.Stream is { } stream && !stream.TryAdd(result))
        {
            (watcher.Stream, watcher.GoneSince) = (null, time.GetUtcNow());
            logger.WatcherOverflowed(watcher.Name);
        }
    }

    private Watcher? Watcher_NeedsLock(string name)
    {
        if (_watchers.TryGetValue(name, out var watcher))
        {
            return watcher;
        }

        DropGone_NeedsLock();
        if (_watchers.Count >= _options.Watchers)
        {
            return null;
        }

        watcher = new Watcher(name, new AwaitedTasks(_options.AwaitedTasks), time.GetUtcNow());
        _watchers.Add(name, watcher);
        return watcher;
    }

    /// <summary>Forgets watchers that have been without a stream for too long.</summary>
    public void DropGone()
    {
        lock (_lock)
        {
            DropGone_NeedsLock();
        }
    }

    private void DropGone_NeedsLock()
    {
        var before = time.GetUtcNow() - _options.ForgetAfter;
        foreach (var gone in _watchers.Values.Where(watcher => watcher.Stream is null && watcher.GoneSince <= before).ToList())
        {
            _watchers.Remove(gone.Name);
        }
    }

    private sealed class Watcher(string name, AwaitedTasks awaited, DateTimeOffset since)
    {
        public string Name => name;

        public AwaitedTasks Awaited => awaited;

        public WatchStream? Stream { get; set; }

        public DateTimeOffset GoneSince { get; set; } = since;
    }
}
