using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Lanes;

namespace Beamline.Scheduler.Watching;

/// <summary>
/// The results on their way to one watcher. When the watcher reads more slowly than tasks end, the buffer overflows and the
/// stream is ended: nothing is lost, since the watcher connects again and asks for all that it awaits.
/// </summary>
internal sealed class WatchStream(WatchOptions options, TimeProvider time)
{
    private static readonly IReadOnlyList<TaskEnded> KeepAlive = [];

    private readonly Lock _lock = new(); // guards the fields below
    private readonly Queue<TaskEnded> _queue = new();
    private long _bytes;
    private bool _ended;

    private readonly Signal _changed = new(time);

    /// <summary>False when this result overflowed the buffer, or the stream has ended already.</summary>
    public bool TryAdd(TaskEnded result)
    {
        bool taken;
        lock (_lock)
        {
            taken = !_ended && _queue.Count < options.BufferedResults && _bytes + result.Result.Length <= options.BufferedBytes;
            if (taken)
            {
                _queue.Enqueue(result);
                _bytes += result.Result.Length;
            }
            else
            {
                _ended = true;
            }
        }

        _changed.Set();
        return taken;
    }

    /// <summary>Ends the stream after what it holds already.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
        }

        _changed.Set();
    }

    /// <summary>The next line's results, empty when a keep-alive is due, or null when the stream has ended. One reader.</summary>
    public async Task<IReadOnlyList<TaskEnded>?> NextAsync(CancellationToken ct)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_queue.Count > 0)
                {
                    return Cut_NeedsLock();
                }

                if (_ended)
                {
                    return null;
                }
            }

            if (!await _changed.WaitAsync(options.KeepAlive, ct).ConfigureAwait(false))
            {
                return KeepAlive;
            }
        }
    }

    private List<TaskEnded> Cut_NeedsLock()
    {
        var line = new List<TaskEnded>();
        var bytes = 0;
        while (_queue.TryPeek(out var next) && (line.Count == 0 || bytes + next.Result.Length <= options.LineBytes))
        {
            line.Add(_queue.Dequeue());
            bytes += next.Result.Length;
        }

        _bytes -= bytes;
        return line;
    }
}
