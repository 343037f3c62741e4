using Beamline.Contracts;
using Beamline.CpuExecutor;
using Beamline.DaprAccess;
using Beamline.ExecutorHost;
using Beamline.Gateway;
using Beamline.GpuExecutor;
using Beamline.InProcess;
using Beamline.IoExecutor;
using Beamline.Observability;
using Beamline.Scheduler;
using Beamline.Sidecar;
using Microsoft.AspNetCore.Hosting.Server;

namespace Beamline.Local.Platform;

/// <summary>One of the five services, composed as its own Program composes it, with the sockets to the sidecar taken out.</summary>
internal sealed class LocalService : IAsyncDisposable
{
    private readonly string _appId;

    // How the sidecar reaches the app; null where the app has a socket and takes nothing from its sidecar.
    private readonly InProcessServer? _server;
    private SidecarApp? _sidecar;

    private LocalService(string appId, LocalOptions options, LocalSharing sharing, Action<WebApplicationBuilder> add, Action<WebApplication> map, bool sockets)
    {
        _appId = appId;
        var builder = BeamlineHost.CreateBuilder(options.ServiceArguments);
        builder.Configuration.AddInMemoryCollection(options.Settings);
        builder.Configuration["DAPR_API_TOKEN"] = sharing.SidecarToken;
        builder.Configuration["APP_API_TOKEN"] = sharing.AppToken;
        builder.Configuration["Worker:Id"] = appId + "-1";
        builder.Configuration["Ledger:Folder"] = Path.Combine(options.DataDirectory, "scheduler");
        builder.Configuration["Fs:Root"] = Path.Combine(options.DataDirectory, "files");
        builder.Services.AddSingleton(sharing.Meters);
        builder.AddBeamline(appId);
        if (!sockets)
        {
            // One process has one such listener; every service would open its own.
            builder.Configuration["Prometheus:Endpoint"] = null;
        }

        builder.Services.AddSingleton<IHostLifetime, UnsignalledLifetime>();

        builder.Services.AddDaprClient(dapr => dapr.PrimaryHandlerFactory = () => new ToSidecar(() => _sidecar!.CreateHandler()));
        add(builder);
        if (sockets)
        {
            builder.WebHost.UseUrls(options.Urls);
        }
        else
        {
            _server = new InProcessServer();
            builder.Services.AddSingleton<IServer>(_server);
        }

        App = builder.Build();
        if (!sockets)
        {
            App.UseAppApiToken();
        }

        App.MapBeamline();
        map(App);
    }

    public static IReadOnlyList<Func<LocalOptions, LocalSharing, LocalService>> Executors { get; } =
    [
        (options, sharing) => new LocalService(AppIds.CpuExecutor, options, sharing, b => b.Services.AddCpuExecutor(b.Configuration), app => app.MapExecutor(), sockets: false),
        (options, sharing) => new LocalService(AppIds.IoExecutor, options, sharing, b => b.Services.AddIoExecutor(b.Configuration), app => app.MapExecutor(), sockets: false),
        (options, sharing) => new LocalService(AppIds.GpuExecutor, options, sharing, b => b.Services.AddGpuExecutor(b.Configuration), app => app.MapExecutor(), sockets: false),
    ];

    public WebApplication App { get; }

    public static LocalService Scheduler(LocalOptions options, LocalSharing sharing) =>
        new(AppIds.Scheduler, options, sharing, b => b.Services.AddScheduler(b.Configuration), app => app.MapScheduler(), sockets: false);

    public static LocalService Gateway(LocalOptions options, LocalSharing sharing) =>
        new(AppIds.Gateway, options, sharing, b => b.Services.AddGateway(b.Configuration), app => app.MapGateway(), sockets: true);

    /// <summary>Introduces the app to the sidecar, then starts it.</summary>
    public async Task StartAsync(EmbeddedSidecar sidecar, LocalSharing sharing, CancellationToken cancellation)
    {
        _sidecar = await sidecar.AddAppAsync(
            new SidecarAppOptions { AppId = _appId, AppHandler = _server is null ? null : new InProcessHandler(_server), AppApiToken = sharing.AppToken }, cancellation);
        await App.StartAsync(cancellation);
    }

    /// <summary>Drains the app, then takes it away from its sidecar.</summary>
    public async ValueTask DisposeAsync()
    {
        await App.StopAsync(CancellationToken.None);
        await App.DisposeAsync();
        _server?.Dispose();
        if (_sidecar is not null)
        {
            await _sidecar.RemoveAsync();
        }
    }

    /// <summary>The way to the sidecar, found at the first call: clients are made before the app can be introduced.</summary>
    private sealed class ToSidecar(Func<HttpMessageHandler> make) : HttpMessageHandler
    {
        private readonly Lazy<HttpMessageInvoker> _sidecar = new(() => new HttpMessageInvoker(make()));

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            _sidecar.Value.SendAsync(request, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            if (disposing && _sidecar.IsValueCreated)
            {
                _sidecar.Value.Dispose();
            }

            base.Dispose(disposing);
        }
    }

    /// <summary>Signals belong to the process, which stops the services in order; a host of its own would stop at once.</summary>
    private sealed class UnsignalledLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
