namespace Beamline.Sidecar.Components;

/// <summary>One Component file as Dapr reads it.</summary>
internal sealed record ComponentDocument(
    string Name, string Type, string Version, IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<string> Scopes, string File)
{
    /// <summary>No scopes: every app sees it.</summary>
    public bool VisibleTo(string appId) => Scopes.Count == 0 || Scopes.Contains(appId);

    public string? Setting(string name) => Metadata.GetValueOrDefault(name);
}
