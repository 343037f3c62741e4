namespace Beamline.Sidecar;

/// <summary>One instance of an app beside its sidecar. The same app-id may be added several times: calls are balanced.</summary>
public sealed record SidecarAppOptions
{
    public required string AppId { get; init; }

    /// <summary>The app in this process. Neither this nor <see cref="AppEndpoint"/>: a sidecar without an app.</summary>
    public HttpMessageHandler? AppHandler { get; init; }

    /// <summary>The app behind a socket, such as <c>http://127.0.0.1:8080</c>.</summary>
    public Uri? AppEndpoint { get; init; }

    /// <summary>Where the sidecar listens for the app, on 127.0.0.1: null not at all (in memory only), 0 any free port.</summary>
    public int? ListenPort { get; init; }

    /// <summary>Sent to the app as <c>dapr-api-token</c> with every call.</summary>
    public string? AppApiToken { get; init; }

    /// <summary>Stops deliveries and calls while the app's probe fails, and subscribes again when it is back.</summary>
    public bool EnableAppHealthCheck { get; init; }

    public string AppHealthPath { get; init; } = "/healthz";

    public TimeSpan AppHealthInterval { get; init; } = TimeSpan.FromSeconds(5);

    public TimeSpan AppHealthTimeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Failed probes in a row before the app counts as down; one good probe brings it back.</summary>
    public int AppHealthThreshold { get; init; } = 3;

    /// <summary>How often an app that does not listen yet is tried again.</summary>
    public TimeSpan AppProbeInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>A Dapr Configuration document: secret scopes and the sampling rate are read from it.</summary>
    public string? ConfigPath { get; init; }

    /// <summary>Overrides the Configuration document and <see cref="SidecarOptions.TracePublishes"/>.</summary>
    public bool? TracePublishes { get; init; }

    /// <summary>Overrides <see cref="SidecarOptions.ApiToken"/> for this instance; empty: none.</summary>
    public string? ApiToken { get; init; }
}
