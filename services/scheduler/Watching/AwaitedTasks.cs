using Beamline.Contracts.Tasks;

namespace Beamline.Scheduler.Watching;

/// <summary>The tasks whose results one watcher awaits: a bounded set that forgets the oldest. Not thread safe.</summary>
internal sealed class AwaitedTasks(int bound)
{
    private readonly HashSet<TaskKey> _keys = [];
    private readonly Queue<TaskKey> _order = new(); // may name keys that are no longer in the set

    public int Count => _keys.Count;

    /// <summary>Entries held to know the oldest: more than there are keys, but bounded too.</summary>
    public int Remembered => _order.Count;

    /// <summary>False when the oldest had to go to make room.</summary>
    public bool Add(TaskKey key)
    {
        if (!_keys.Add(key))
        {
            return true;
        }

        _order.Enqueue(key);
        if (_order.Count > 2 * bound)
        {
            DropStale();
        }

        if (_keys.Count <= bound)
        {
            return true;
        }

        while (!_keys.Remove(_order.Dequeue()))
        {
            // A key that has ended since.
        }

        return false;
    }

    public bool Remove(TaskKey key) => _keys.Remove(key);

    private void DropStale()
    {
        var seen = new HashSet<TaskKey>(_keys.Count);
        for (var left = _order.Count; left > 0; left--)
        {
            var key = _order.Dequeue();
            if (_keys.Contains(key) && seen.Add(key))
            {
                _order.Enqueue(key);
            }
        }
    }
}
