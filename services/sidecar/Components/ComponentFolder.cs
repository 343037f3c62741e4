using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Beamline.Sidecar.Components;

/// <summary>What a folder of component files holds. Faults are gathered, never thrown one by one.</summary>
internal sealed class ComponentFolder
{
    public List<ComponentDocument> Components { get; } = [];

    public List<(YamlMappingNode Root, string File)> Resiliency { get; } = [];

    public List<string> Faults { get; } = [];

    public static ComponentFolder Read(string? path)
    {
        var folder = new ComponentFolder();
        if (path is null)
        {
            return folder;
        }

        if (!Directory.Exists(path))
        {
            folder.Faults.Add($"The components folder '{path}' does not exist.");
            return folder;
        }

        var files = Directory.EnumerateFiles(path).Where(file => Path.GetExtension(file) is ".yaml" or ".yml").Order(StringComparer.Ordinal);
        foreach (var file in files)
        {
            folder.ReadFile(file);
        }

        foreach (var twins in folder.Components.GroupBy(component => component.Name).Where(group => group.Count() > 1))
        {
            folder.Faults.Add($"Two components are named '{twins.Key}': {string.Join(", ", twins.Select(twin => Path.GetFileName(twin.File)))}.");
        }

        return folder;
    }

    /// <summary>The documents of a YAML file; an unreadable one is a fault.</summary>
    public static List<YamlMappingNode> Documents(string file, List<string> faults)
    {
        try
        {
            using var reader = File.OpenText(file);
            var stream = new YamlStream();
            stream.Load(reader);
            return [.. stream.Documents.Select(document => document.RootNode).OfType<YamlMappingNode>()];
        }
        catch (Exception failure) when (failure is YamlException or IOException or UnauthorizedAccessException)
        {
            faults.Add($"{Path.GetFileName(file)}: {failure.Message}");
            return [];
        }
    }

    private void ReadFile(string file)
    {
        var documents = Documents(file, Faults);
        for (var index = 0; index < documents.Count; index++)
        {
            var document = documents[index];
            switch (document.Text("kind"))
            {
                case "Component":
                    ReadComponent(document, file);
                    break;
                case "Resiliency" when index > 0:
                    Faults.Add($"{Path.GetFileName(file)}: Dapr silently ignores a Resiliency document behind another: give it a file of its own.");
                    break;
                case "Resiliency":
                    Resiliency.Add((document, file));
                    break;
                case "Configuration":
                    break; // Belongs to an app, not to the folder: read from its ConfigPath.
                case var kind:
                    Faults.Add($"{Path.GetFileName(file)}: documents of kind '{kind}' are not supported by the embedded sidecar.");
                    break;
            }
        }
    }

    private void ReadComponent(YamlMappingNode document, string file)
    {
        var name = document.Map("metadata")?.Text("name");
        var spec = document.Map("spec");
        var type = spec?.Text("type");
        if (name is null || spec is null || type is null)
        {
            Faults.Add($"{Path.GetFileName(file)}: a component needs metadata.name and spec.type.");
            return;
        }

        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var item in spec.List("metadata").OfType<YamlMappingNode>())
        {
            if (item.Text("name") is not { } key || item.Text("value") is not { } value)
            {
                Faults.Add($"{Path.GetFileName(file)}: each metadata item of '{name}' needs a name and a value (secretKeyRef and envRef are not supported).");
                continue;
            }

            metadata[key] = value;
        }

        string[] scopes = [.. document.List("scopes").OfType<YamlScalarNode>().Select(scope => scope.Value ?? "")];
        Components.Add(new ComponentDocument(name, type, spec.Text("version") ?? "v1", metadata, scopes, file));
    }
}
