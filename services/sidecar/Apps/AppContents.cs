using System.Collections.Concurrent;
using Beamline.Sidecar.Components;
using Beamline.Sidecar.PubSub;
using Beamline.Sidecar.Secrets;
using Beamline.Sidecar.State;

namespace Beamline.Sidecar.Apps;

/// <summary>The components that one app sees, and what it has told its sidecar.</summary>
internal sealed record AppContents(
    IReadOnlyDictionary<string, PubSubComponent> PubSubs,
    IReadOnlyDictionary<string, IStateStore> StateStores,
    IReadOnlyDictionary<string, SecretStore> SecretStores,
    AppConfiguration Configuration)
{
    /// <summary>Set through <c>PUT /v1.0/metadata/{key}</c>.</summary>
    public ConcurrentDictionary<string, string> Extended { get; } = new(StringComparer.Ordinal);
}
