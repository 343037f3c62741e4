namespace Beamline.Sidecar.Conformance.Tests.Hosts;

/// <summary>The ways in which the suite reaches a sidecar.</summary>
public enum Transport
{
    /// <summary>The embedded sidecar over Kestrel, both sides on a port of 127.0.0.1.</summary>
    Sockets,

    /// <summary>The embedded sidecar over handlers, no socket at all.</summary>
    Memory,

    /// <summary>The real runtime, one process an app.</summary>
    Daprd,
}

/// <summary>What a sidecar (or, with the real runtime, several beside each other) is started with.</summary>
internal sealed record HostSettings
{
    /// <summary>One YAML document each, with the placeholders of the recordings.</summary>
    public required IReadOnlyList<string> Documents { get; init; }

    /// <summary>Files that the documents name as <c>&lt;dir&gt;/NAME</c>.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <summary>The broker's streams: name to subjects.</summary>
    public IReadOnlyDictionary<string, string[]> Streams { get; init; } = new Dictionary<string, string[]>();

    public string? ApiToken { get; init; }

    /// <summary>Policies of a resiliency file are timed by the real clock; all else by one that only the test moves.</summary>
    public bool RealTime { get; init; }
}

/// <param name="App">Null for a sidecar without an app.</param>
internal sealed record HostedApp(string AppId, RecordingApp? App = null)
{
    /// <summary>The app's port is closed from the start.</summary>
    public bool IsDown { get; init; }

    /// <summary>What the sidecar sends along so that the app knows it.</summary>
    public string? AppToken { get; init; }

    /// <summary>A line of YAML under <c>spec</c> of the app's Configuration document.</summary>
    public string? Configuration { get; init; }

    /// <summary>Every publish of this app is sampled for tracing.</summary>
    public bool IsTraced { get; init; }
}

internal abstract class ReplayHost : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("conformance-");

    protected string Folder => _directory.FullName;

    public abstract Task<SidecarClient> AddAsync(HostedApp app, CancellationToken cancellation);

    /// <summary>Lets the sidecar's clock run on: at once where the clock is the test's, by waiting where it is not.</summary>
    public abstract Task PassAsync(TimeSpan time, CancellationToken cancellation);

    public static Task<ReplayHost> StartAsync(Transport transport, HostSettings settings, CancellationToken cancellation) => transport switch
    {
        Transport.Daprd => DaprdHost.StartAsync(settings, cancellation),
        _ => EmbeddedHost.StartAsync(settings, transport, cancellation),
    };

    /// <summary>Writes documents and files, and returns the folder of the documents.</summary>
    protected string Write(HostSettings settings, int natsPort)
    {
        foreach (var (name, content) in settings.Files)
        {
            File.WriteAllText(Path.Combine(Folder, name), content);
        }

        var folder = Directory.CreateDirectory(Path.Combine(Folder, "components")).FullName;
        for (var i = 0; i < settings.Documents.Count; i++)
        {
            File.WriteAllText(Path.Combine(folder, $"{i:00}.yaml"), Fill(settings.Documents[i], natsPort));
        }

        return folder;
    }

    protected string WriteConfiguration(HostedApp app, params string[] more)
    {
        var path = Path.Combine(Folder, $"config-{app.AppId}.yaml");
        var tracing = $"tracing: {{samplingRate: \"{(app.IsTraced ? 1 : 0)}\"}}";
        string[] spec = [tracing, .. more, .. app.Configuration is null ? [] : new[] { app.Configuration }];
        File.WriteAllText(
            path, $"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: {app.AppId}}}\nspec:\n{string.Concat(spec.Select(line => $"  {line}\n"))}");
        return path;
    }

    public virtual ValueTask DisposeAsync()
    {
        _directory.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    private string Fill(string document, int natsPort) =>
        document.Replace("<dir>", Folder, StringComparison.Ordinal).Replace("<nats-port>", $"{natsPort}", StringComparison.Ordinal);
}
