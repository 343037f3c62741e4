using Beamline.Sidecar.Secrets;
using YamlDotNet.RepresentationModel;

namespace Beamline.Sidecar.Components;

/// <summary>What the embedded sidecar takes from a Dapr Configuration document: secret scopes, and whether publishes are traced.</summary>
internal sealed record AppConfiguration(SecretScopes Secrets, bool? TracePublishes)
{
    public static AppConfiguration Read(string? path, List<string> faults)
    {
        var scopes = new SecretScopes();
        bool? traced = null;
        List<YamlMappingNode> documents = path is null ? [] : ComponentFolder.Documents(path, faults);
        foreach (var spec in documents.Select(document => document.Map("spec")).OfType<YamlMappingNode>())
        {
            foreach (var scope in spec.Map("secrets")?.List("scopes").OfType<YamlMappingNode>() ?? [])
            {
                scopes.Add(scope);
            }

            if (spec.Map("tracing")?.Text("samplingRate") is { } rate)
            {
                traced = rate is not "0";
            }
        }

        return new AppConfiguration(scopes, traced);
    }
}
