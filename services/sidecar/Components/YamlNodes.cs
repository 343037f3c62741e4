using YamlDotNet.RepresentationModel;

namespace Beamline.Sidecar.Components;

/// <summary>Reads members of a YAML mapping that may be missing.</summary>
internal static class YamlNodes
{
    public static YamlNode? Member(this YamlMappingNode map, string name) =>
        map.Children.TryGetValue(new YamlScalarNode(name), out var node) ? node : null;

    public static string? Text(this YamlMappingNode map, string name) => (map.Member(name) as YamlScalarNode)?.Value;

    public static YamlMappingNode? Map(this YamlMappingNode map, string name) => map.Member(name) as YamlMappingNode;

    public static IEnumerable<YamlNode> List(this YamlMappingNode map, string name) => map.Member(name) as YamlSequenceNode ?? [];

    /// <summary>The members whose values are mappings, by name.</summary>
    public static IEnumerable<(string Name, YamlMappingNode Map)> Maps(this YamlMappingNode? map) =>
        map?.Children.Where(pair => pair.Value is YamlMappingNode)
            .Select(pair => (((YamlScalarNode)pair.Key).Value ?? "", (YamlMappingNode)pair.Value)) ?? [];
}
