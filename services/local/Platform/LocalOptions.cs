namespace Beamline.Local.Platform;

/// <summary>How the platform is to run in this process.</summary>
internal sealed record LocalOptions
{
    /// <summary>Holds the ledger, the bus, the state store and the tenants' files. One process at a time.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Where the gateway listens.</summary>
    public required string Urls { get; init; }

    /// <summary>The folder of Dapr components that the embedded sidecar reads.</summary>
    public required string ComponentsPath { get; init; }

    /// <summary>Passed on to every service, as its own command line.</summary>
    public IReadOnlyList<string> ServiceArguments { get; init; } = [];

    /// <summary>Settings for every service; the command line wins over them.</summary>
    public IReadOnlyDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>();
}
