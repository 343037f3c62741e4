namespace Beamline.Sidecar.Bus;

/// <summary>The ids of one stream's recent messages. Bounded: when full the oldest is forgotten before its time. One owner: the bus's writer thread.</summary>
internal sealed class DedupWindow(TimeSpan window, int capacity)
{
    private readonly Dictionary<UInt128, long> _seen = [];
    private readonly Queue<(UInt128 Key, long At)> _order = new();

    /// <summary>False when the id was seen within the window.</summary>
    public bool TryAdd(UInt128 key, long nowMs)
    {
        while (_order.TryPeek(out var oldest) && (nowMs - oldest.At >= (long)window.TotalMilliseconds || _seen.Count >= capacity))
        {
            _order.Dequeue();
            if (_seen.TryGetValue(oldest.Key, out var at) && at == oldest.At)
            {
                _seen.Remove(oldest.Key);
            }
        }

        if (!_seen.TryAdd(key, nowMs))
        {
            return false;
        }

        _order.Enqueue((key, nowMs));
        return true;
    }

    /// <summary>The message was not stored after all.</summary>
    public void Remove(UInt128 key) => _seen.Remove(key);
}
