using System.Collections.Immutable;

namespace Beamline.Sidecar.Apps;

/// <summary>The running instances by app-id: what name resolution is to Dapr.</summary>
internal sealed class AppDirectory(Random random)
{
    private readonly Lock _gate = new(); // guards the writes of _apps, and random
    private ImmutableDictionary<string, ImmutableArray<SidecarApp>> _apps = ImmutableDictionary<string, ImmutableArray<SidecarApp>>.Empty;

    public void Add(SidecarApp app)
    {
        lock (_gate)
        {
            _apps = _apps.SetItem(app.AppId, _apps.GetValueOrDefault(app.AppId, []).Add(app));
        }
    }

    public void Remove(SidecarApp app)
    {
        lock (_gate)
        {
            var left = _apps.GetValueOrDefault(app.AppId, []).Remove(app);
            _apps = left.IsEmpty ? _apps.Remove(app.AppId) : _apps.SetItem(app.AppId, left);
        }
    }

    public IEnumerable<SidecarApp> All => _apps.Values.SelectMany(instances => instances);

    /// <summary>An instance at random, healthy ones first; null when nobody has the id.</summary>
    public SidecarApp? Pick(string appId)
    {
        if (!_apps.TryGetValue(appId, out var instances))
        {
            return null;
        }

        if (instances.Length == 1)
        {
            return instances[0];
        }

        var healthy = instances.Where(instance => instance.IsHealthy).ToList();
        IReadOnlyList<SidecarApp> candidates = healthy.Count > 0 ? healthy : instances;
        lock (_gate)
        {
#pragma warning disable CA5394 // Balancing is no secret.
            return candidates[random.Next(candidates.Count)];
#pragma warning restore CA5394
        }
    }
}
