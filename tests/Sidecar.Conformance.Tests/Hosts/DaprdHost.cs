using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Beamline.Sidecar.Conformance.Tests.Hosts;

/// <summary>The real runtime: a <c>daprd</c> for each app, and one <c>nats-server</c> when a component names it.</summary>
internal sealed class DaprdHost : ReplayHost
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private readonly List<Process> _processes = [];
    private readonly List<AppListener> _listeners = [];
    private readonly List<SidecarClient> _clients = [];
    private readonly HostSettings _settings;
    private string _components = "";

    private DaprdHost(HostSettings settings) => _settings = settings;

    /// <summary>Null when everything is there.</summary>
    public static string? WhyNot =>
        Find("DAPRD_PATH", "daprd") is null ? "no daprd: neither DAPRD_PATH nor PATH has one"
        : Find("NATS_SERVER_PATH", "nats-server") is null ? "no nats-server: neither NATS_SERVER_PATH nor PATH has one"
        : null;

    public static async Task<ReplayHost> StartAsync(HostSettings settings, CancellationToken cancellation)
    {
        var host = new DaprdHost(settings);
        var natsPort = FreePort();
        host._components = host.Write(settings, natsPort);
        if (settings.Documents.Any(document => document.Contains("<nats-port>", StringComparison.Ordinal)))
        {
            host.Run(
                Find("NATS_SERVER_PATH", "nats-server")!, [], "-a", "127.0.0.1", "-p", $"{natsPort}", "-js", "-sd", Path.Combine(host.Folder, "nats"));
            await NatsStreams.CreateAsync(natsPort, settings.Streams, StartLimit, cancellation);
        }

        return host;
    }

    public override async Task<SidecarClient> AddAsync(HostedApp app, CancellationToken cancellation)
    {
        var listener = app.App is null ? null : await AppListener.OnSocketAsync(app.App.HandleAsync, cancellation);
        if (listener is not null)
        {
            _listeners.Add(listener);
            if (app.IsDown)
            {
                await listener.TakeDownAsync(cancellation);
            }
        }

        var httpPort = FreePort();
        var process = Run(Find("DAPRD_PATH", "daprd")!, Environment(app), Arguments(app, listener, httpPort));
        var client = new SidecarClient(
            new HttpMessageInvoker(SidecarClient.PlainHandler()),
            new Uri($"http://127.0.0.1:{httpPort}"),
            token => listener?.TakeDownAsync(token) ?? Task.CompletedTask,
            _ =>
            {
                process.Kill(entireProcessTree: true);
                return Task.CompletedTask;
            });
        _clients.Add(client);
        await ReadyAsync(client, app.IsDown ? "/v1.0/healthz/outbound" : "/v1.0/healthz", cancellation);
        return client;
    }

    public override Task PassAsync(TimeSpan time, CancellationToken cancellation) => Task.Delay(time, TimeProvider.System, cancellation);

    public override async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        foreach (var process in Enumerable.Reverse(_processes))
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        foreach (var listener in _listeners)
        {
            await listener.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    private string[] Arguments(HostedApp app, AppListener? listener, int httpPort)
    {
        // The resolver on a file keeps name resolution on this machine.
        var names = $"nameResolution: {{component: sqlite, version: v1, configuration: {{connectionString: \"{Path.Combine(Folder, "names.db")}\"}}}}";
        string[] common =
        [
            "--app-id", app.AppId, "--app-protocol", "http", "--resources-path", _components, "--config", WriteConfiguration(app, names),
            "--dapr-listen-addresses", "127.0.0.1", "--dapr-http-port", $"{httpPort}", "--dapr-grpc-port", $"{FreePort()}",
            "--dapr-internal-grpc-port", $"{FreePort()}", "--enable-metrics=false", "--log-level", "error",
        ];
        return listener is null ? common : [.. common, "--app-port", $"{listener.Endpoint!.Port}"];
    }

    private Dictionary<string, string?> Environment(HostedApp app) =>
        new() { ["DAPR_API_TOKEN"] = _settings.ApiToken, ["APP_API_TOKEN"] = app.AppToken };

    private Process Run(string program, Dictionary<string, string?> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        _processes.Add(process);
        return process;
    }

    private static async Task ReadyAsync(SidecarClient client, string path, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(StartLimit);
        while (true)
        {
            try
            {
                if ((await client.SendAsync("GET", path, [], null, limit.Token)).Status == 204)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(Poll, TimeProvider.System, limit.Token);
        }
    }

    private static string? Find(string variable, string program) =>
        System.Environment.GetEnvironmentVariable(variable) is { Length: > 0 } path && File.Exists(path) ? path
        : (System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
