namespace Beamline.Sidecar.Components;

internal static class ComponentSettings
{
    /// <summary>A setting that would be ignored is a fault: nobody should believe in an effect that is not there.</summary>
    public static void RefuseUnknown(ComponentDocument component, IReadOnlyCollection<string> known, List<string> faults)
    {
        foreach (var name in component.Metadata.Keys.Where(name => !known.Contains(name, StringComparer.OrdinalIgnoreCase)))
        {
            faults.Add($"Component '{component.Name}' ({component.Type}): the embedded sidecar does not support the setting '{name}'.");
        }
    }
}
