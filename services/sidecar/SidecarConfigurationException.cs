namespace Beamline.Sidecar;

/// <summary>The sidecar does not start: every fault of its options and component files, one a line.</summary>
public sealed class SidecarConfigurationException(IReadOnlyList<string> faults)
    : Exception("The sidecar cannot start:" + Environment.NewLine + string.Join(Environment.NewLine, faults.Select(fault => "- " + fault)))
{
    public IReadOnlyList<string> Faults { get; } = faults;
}
