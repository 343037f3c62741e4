using Beamline.Sidecar.Components;

namespace Beamline.Sidecar.State;

/// <summary><c>state.in-memory</c>: gone with the process.</summary>
internal sealed class InMemoryStateStore : IStateStore
{
    // For tests and demos; a store that grows without end would take the whole process with it.
    private const int MaxItems = 1_000_000;

    private readonly Lock _gate = new(); // guards _items
    private readonly Dictionary<string, StateItem> _items = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;

    private InMemoryStateStore(ComponentDocument component, TimeProvider time) => (Component, _time) = (component, time);

    public ComponentDocument Component { get; }

    public IReadOnlyList<string> Capabilities { get; } = ["ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR"];

    public static InMemoryStateStore Open(ComponentDocument component, TimeProvider time, List<string> faults)
    {
        ComponentSettings.RefuseUnknown(component, ["keyPrefix"], faults);
        return new InMemoryStateStore(component, time);
    }

    public ValueTask<StateItem?[]> GetAsync(IReadOnlyList<string> keys, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return new(keys.Select(Find_NeedsLock).ToArray());
        }
    }

    public Task<EtagMismatchException?[]> WriteEachAsync(IReadOnlyList<StateWrite> writes, CancellationToken cancellation)
    {
        lock (_gate)
        {
            var results = new EtagMismatchException?[writes.Count];
            for (var index = 0; index < writes.Count; index++)
            {
                results[index] = Check_NeedsLock(writes[index]);
                if (results[index] is null)
                {
                    Apply_NeedsLock(writes[index]);
                }
            }

            return Task.FromResult(results);
        }
    }

    public Task WriteAllAsync(IReadOnlyList<StateWrite> writes, CancellationToken cancellation)
    {
        lock (_gate)
        {
            var mismatch = writes.Select(Check_NeedsLock).FirstOrDefault(fault => fault is not null);
            if (mismatch is not null)
            {
                return Task.FromException(mismatch);
            }

            foreach (var write in writes)
            {
                Apply_NeedsLock(write);
            }

            return Task.CompletedTask;
        }
    }

    public ValueTask DisposeAsync() => default;

    private StateItem? Find_NeedsLock(string key)
    {
        if (!_items.TryGetValue(key, out var item) || !(item.Expires <= _time.GetUtcNow()))
        {
            return item;
        }

        _items.Remove(key);
        return null;
    }

    private EtagMismatchException? Check_NeedsLock(StateWrite write)
    {
        if (write.Etag is null && (!write.FirstWrite || write.Value is null))
        {
            return null;
        }

        var stored = Find_NeedsLock(write.Key);
        if (write.Etag is null)
        {
            return stored is null ? null : new EtagMismatchException("item already exists and no etag was passed");
        }

        return stored is null ? new EtagMismatchException($"state not exist or expired for key={write.Key}")
            : stored.Etag == write.Etag ? null
            : new EtagMismatchException($"state etag not match for key={write.Key}: current={stored.Etag}, expect={write.Etag}");
    }

    private void Apply_NeedsLock(StateWrite write)
    {
        if (write.Value is null)
        {
            _items.Remove(write.Key);
            return;
        }

        if (_items.Count >= MaxItems && !_items.ContainsKey(write.Key))
        {
            throw new StateStoreFullException();
        }

        _items[write.Key] = new StateItem(
            write.Value, Guid.NewGuid().ToString(), write.TimeToLive is { } life ? _time.GetUtcNow() + life : null);
    }
}
