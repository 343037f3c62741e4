namespace Beamline.DaprAccess;

/// <summary>What the sidecar says of itself.</summary>
public sealed record DaprMetadata(
    string Id,
    string? RuntimeVersion,
    IReadOnlyList<DaprComponentsMetadata>? Components,
    IReadOnlyDictionary<string, string>? Extended);

/// <summary>A loaded component; <c>Type</c> is for example <c>state.sqlite</c>, <c>Capabilities</c> for example <c>TRANSACTIONAL</c>.</summary>
public sealed record DaprComponentsMetadata(string Name, string Type, string? Version, IReadOnlyList<string>? Capabilities);
