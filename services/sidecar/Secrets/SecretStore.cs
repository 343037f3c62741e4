using System.Text.Json;
using Beamline.Sidecar.Components;

namespace Beamline.Sidecar.Secrets;

/// <summary>A store of secrets, each a map of one or more values; read once at the start.</summary>
internal sealed class SecretStore
{
    private static readonly string[] FileSettings = ["secretsFile", "nestedSeparator", "multiValued"];
    private readonly SortedDictionary<string, SortedDictionary<string, string>> _secrets = new(StringComparer.Ordinal);

    private SecretStore(ComponentDocument component) => Component = component;

    public ComponentDocument Component { get; }

    /// <summary>local.env answers an empty value for a name that it lacks.</summary>
    private bool MissingIsEmpty { get; init; }

    public bool MultiValued { get; private init; }

    public IEnumerable<string> Names => _secrets.Keys;

    public IReadOnlyDictionary<string, string>? Get(string name) =>
        _secrets.TryGetValue(name, out var values) ? values
        : MissingIsEmpty ? new Dictionary<string, string> { [name] = "" }
        : null;

    /// <summary>Null, with the faults named, when the component cannot be used.</summary>
    public static SecretStore? Open(ComponentDocument component, List<string> faults) => component.Type switch
    {
        "secretstores.local.file" => OpenFile(component, faults),
        "secretstores.local.env" => OpenEnvironment(component, faults),
        _ => throw new ArgumentException(component.Type, nameof(component)),
    };

    private static SecretStore? OpenEnvironment(ComponentDocument component, List<string> faults)
    {
        ComponentSettings.RefuseUnknown(component, ["prefix"], faults);
        var prefix = component.Setting("prefix") ?? "";
        var store = new SecretStore(component) { MissingIsEmpty = true };
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            var name = (string)variable.Key;
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                store.Add(name[prefix.Length..], (string?)variable.Value ?? "");
            }
        }

        return store;
    }

    private static SecretStore? OpenFile(ComponentDocument component, List<string> faults)
    {
        ComponentSettings.RefuseUnknown(component, FileSettings, faults);
        var multiValued = component.Setting("multiValued") == "true";
        var store = new SecretStore(component) { MultiValued = multiValued };
        var file = component.Setting("secretsFile");
        if (file is null)
        {
            faults.Add($"Component '{component.Name}': secretsFile is missing.");
            return null;
        }

        try
        {
            // As in Dapr a relative file lies where the process was started.
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            if (multiValued)
            {
                store.ReadMultiValued(document.RootElement);
            }
            else
            {
                store.ReadFlat(document.RootElement, "", component.Setting("nestedSeparator") ?? ":");
            }

            return store;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            faults.Add($"Component '{component.Name}': the secrets file '{file}' cannot be read: {failure.Message}");
            return null;
        }
    }

    private void Add(string name, string value) => _secrets[name] = new(StringComparer.Ordinal) { [name] = value };

    private void ReadMultiValued(JsonElement root)
    {
        foreach (var member in root.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.Object)
            {
                Add(member.Name, member.Value.ToString());
                continue;
            }

            var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (var inner in member.Value.EnumerateObject())
            {
                values[inner.Name] = inner.Value.ToString();
            }

            _secrets[member.Name] = values;
        }
    }

    private void ReadFlat(JsonElement node, string path, string separator)
    {
        switch (node.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in node.EnumerateObject())
                {
                    ReadFlat(member.Value, path.Length == 0 ? member.Name : path + separator + member.Name, separator);
                }

                break;
            case JsonValueKind.Array:
                var index = 0;
                foreach (var item in node.EnumerateArray())
                {
                    ReadFlat(item, $"{path}{separator}{index++}", separator);
                }

                break;
            default:
                Add(path, node.ToString());
                break;
        }
    }
}
