using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Sidecar.Conformance.Tests.Hosts;

/// <summary>The embedded sidecar, over sockets or in memory: the same code behind both.</summary>
internal sealed class EmbeddedHost : ReplayHost
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly List<AppListener> _listeners = [];
    private readonly List<SidecarClient> _clients = [];
    private readonly ManualTime? _clock;
    private readonly bool _inMemory;
    private EmbeddedSidecar _sidecar = null!;

    private EmbeddedHost(Transport transport, HostSettings settings)
    {
        _inMemory = transport == Transport.Memory;
        _clock = settings.RealTime ? null : new ManualTime(Start);
    }

    public static async Task<ReplayHost> StartAsync(HostSettings settings, Transport transport, CancellationToken cancellation)
    {
        var host = new EmbeddedHost(transport, settings);
        var options = new SidecarOptions
        {
            DataDirectory = Path.Combine(host.Folder, "data"),
            ComponentsPath = host.Write(settings with { Documents = [.. settings.Documents.Where(IsSupported)] }, natsPort: 4222),
            ApiToken = settings.ApiToken,
            Time = host._clock ?? TimeProvider.System,
            Synchronous = Sqlite.SqliteSynchronous.Normal,
            Streams = [.. settings.Streams.Select(stream => new StreamOptions { Name = stream.Key, Subjects = stream.Value })],
        };
        host._sidecar = await EmbeddedSidecar.StartAsync(options, NullLoggerFactory.Instance, cancellation);
        return host;
    }

    public override async Task<SidecarClient> AddAsync(HostedApp app, CancellationToken cancellation)
    {
        var listener = await ListenAsync(app, cancellation);
        var added = await _sidecar.AddAppAsync(
            new SidecarAppOptions
            {
                AppId = app.AppId,
                AppHandler = listener?.Handler,
                AppEndpoint = listener?.Endpoint,
                ListenPort = _inMemory ? null : 0,
                AppApiToken = app.AppToken,
                ConfigPath = WriteConfiguration(app),
            },
            cancellation);
        if (!app.IsDown)
        {
            await added.WaitReadyAsync(cancellation);
        }

        var client = new SidecarClient(
            new HttpMessageInvoker(_inMemory ? added.CreateHandler() : SidecarClient.PlainHandler()),
            _inMemory ? new Uri("http://127.0.0.1:3500") : added.HttpEndpoint!,
            token => listener?.TakeDownAsync(token) ?? Task.CompletedTask,
            _ => added.RemoveAsync()) { Refusals = added.RefusedSubscriptions };
        _clients.Add(client);
        return client;
    }

    public override Task PassAsync(TimeSpan time, CancellationToken cancellation)
    {
        if (_clock is null)
        {
            throw new InvalidOperationException("this sidecar runs on the real clock");
        }

        _clock.Advance(time);
        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        await _sidecar.DisposeAsync();
        foreach (var listener in _listeners)
        {
            await listener.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    /// <summary>A component that acknowledges before its handler answers is refused at the start (see <c>cases.csv</c>, bulk subscribe).</summary>
    private static bool IsSupported(string document) => !document.Contains("value: \"parallel\"", StringComparison.Ordinal);

    private async Task<AppListener?> ListenAsync(HostedApp app, CancellationToken cancellation)
    {
        if (app.App is null)
        {
            return null;
        }

        var listener = _inMemory ? AppListener.InMemory(app.App.HandleAsync) : await AppListener.OnSocketAsync(app.App.HandleAsync, cancellation);
        _listeners.Add(listener);
        if (app.IsDown)
        {
            await listener.TakeDownAsync(cancellation);
        }

        return listener;
    }
}
