using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Sidecar.Tests;

/// <summary>A sidecar on a folder of its own, with components written as YAML.</summary>
internal sealed class TestSidecar : IAsyncDisposable
{
    public const string Bus = """
        apiVersion: dapr.io/v1alpha1
        kind: Component
        metadata: { name: bus }
        spec:
          type: pubsub.jetstream
          version: v1
          metadata:
          - { name: natsURL, value: "nats://127.0.0.1:4222" }
          - { name: deliverPolicy, value: "new" }
          - { name: ackWait, value: "5s" }
        """;

    private readonly string _root = Directory.CreateTempSubdirectory("sidecar-test-").FullName;
    private readonly List<string> _components;
    private readonly TimeProvider _time;
    private readonly Func<SidecarOptions, SidecarOptions>? _change;

    private TestSidecar(IEnumerable<string> components, TimeProvider? time, Func<SidecarOptions, SidecarOptions>? change)
    {
        _components = [.. components];
        (_time, _change) = (time ?? TimeProvider.System, change);
    }

    public EmbeddedSidecar Sidecar { get; private set; } = null!;

    public string Root => _root;

    public static async Task<TestSidecar> StartAsync(IEnumerable<string> components, TimeProvider? time = null, Func<SidecarOptions, SidecarOptions>? change = null)
    {
        var test = new TestSidecar(components, time, change);
        await test.OpenAsync();
        return test;
    }

    public static string Component(string name, string type, params (string Name, string Value)[] metadata) =>
        $"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: {name} }}\nspec:\n  type: {type}\n  version: v1\n  metadata:\n"
        + string.Concat(metadata.Select(item => $"  - {{ name: {item.Name}, value: \"{item.Value}\" }}\n"));

    public string ComponentsPath => Path.Combine(_root, "components");

    public async Task OpenAsync()
    {
        Directory.CreateDirectory(ComponentsPath);
        for (var index = 0; index < _components.Count; index++)
        {
            await File.WriteAllTextAsync(Path.Combine(ComponentsPath, $"{index:00}.yaml"), _components[index]);
        }

        var data = Path.Combine(_root, "data");
        var options = new SidecarOptions { DataDirectory = data, ComponentsPath = ComponentsPath, Time = _time };
        Sidecar = await EmbeddedSidecar.StartAsync(_change?.Invoke(options) ?? options, NullLoggerFactory.Instance, TestContext.Current.CancellationToken);
    }

    public async Task ReopenAsync()
    {
        await Sidecar.DisposeAsync();
        await OpenAsync();
    }

    public async Task<SidecarApp> AddAsync(string appId, TestApp? app = null, Func<SidecarAppOptions, SidecarAppOptions>? change = null)
    {
        var options = new SidecarAppOptions { AppId = appId, AppHandler = app?.Handler() };
        var added = await Sidecar.AddAppAsync(change?.Invoke(options) ?? options, TestContext.Current.CancellationToken);
        await added.WaitReadyAsync(TestContext.Current.CancellationToken);
        return added;
    }

    public async ValueTask DisposeAsync()
    {
        await Sidecar.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }
}

internal static class TestClients
{
    public static HttpClient Client(this SidecarApp app) => new(app.CreateHandler()) { BaseAddress = new Uri("http://sidecar") };

    public static async Task<(HttpStatusCode Status, string Body, HttpResponseMessage Response)> CallAsync(
        this HttpClient client, HttpMethod method, string path, string? json = null, string contentType = "application/json", params (string, string)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), response);
    }
}
