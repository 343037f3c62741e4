using Beamline.InProcess;
using Beamline.Sidecar.Apps;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar;

/// <summary>One app instance and its sidecar's API.</summary>
#pragma warning disable CA1001 // RemoveAsync is the end of its life, and disposes what it owns.
public sealed class SidecarApp
#pragma warning restore CA1001
{
    private readonly EmbeddedSidecar _sidecar;
    private readonly AppListener? _listener;
    private readonly AppLifecycle _lifecycle;
    private readonly TaskCompletionSource _removed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _removing;

    internal SidecarApp(EmbeddedSidecar sidecar, SidecarAppOptions options, AppContents contents)
    {
        _sidecar = sidecar;
        Options = options;
        Contents = contents;
        Channel = AppChannel.Open(options);
        Api = new SidecarApi(sidecar, this).HandleAsync;
        _lifecycle = new AppLifecycle(sidecar, this);
        _listener = options.ListenPort is { } port ? new AppListener(Api, port, sidecar.Loggers) : null;
    }

    public string AppId => Options.AppId;

    /// <summary>Where the sidecar listens for this app; null in memory only.</summary>
    public Uri? HttpEndpoint => _listener?.Endpoint;

    /// <summary>Ends when this instance was removed, by <see cref="RemoveAsync"/> or the app's own <c>/v1.0/shutdown</c>.</summary>
    public Task Removed => _removed.Task;

    /// <summary>Subscriptions that the app asked for and does not get, with the reason.</summary>
    public IReadOnlyList<string> RefusedSubscriptions => _lifecycle.Refused;

    internal SidecarAppOptions Options { get; }

    internal AppContents Contents { get; }

    internal AppChannel? Channel { get; }

    internal RequestDelegate Api { get; }

    internal AppLifecycle Lifecycle => _lifecycle;

    /// <summary>False while the app's health check fails.</summary>
    internal bool IsHealthy => _lifecycle.IsHealthy;

    /// <summary>The in-memory way from the app to its sidecar: base address any, routes as Dapr's.</summary>
    public HttpMessageHandler CreateHandler() => new InProcessHandler(Api);

    /// <summary>Ends when the app has answered its handshake and its subscriptions run; at once for a sidecar without an app.</summary>
    public Task WaitReadyAsync(CancellationToken cancellationToken) => _lifecycle.Ready.WaitAsync(cancellationToken);

    /// <summary>Stops deliveries, lets what is in flight finish (bounded), takes the instance out of the directory and closes its port.</summary>
    public async Task RemoveAsync()
    {
        if (Interlocked.Exchange(ref _removing, 1) == 1)
        {
            await _removed.Task.ConfigureAwait(false);
            return;
        }

        _sidecar.Directory.Remove(this);
        await _lifecycle.StopAsync().ConfigureAwait(false);
        if (_listener is not null)
        {
            await _listener.StopAsync(_sidecar.Options.DrainTimeout).ConfigureAwait(false);
            _listener.Dispose();
        }

        _lifecycle.Dispose();

        Channel?.Dispose();
        _removed.TrySetResult();
    }

    internal async Task StartAsync(CancellationToken cancellation)
    {
        if (_listener is not null)
        {
            await _listener.StartAsync(cancellation).ConfigureAwait(false);
        }

        _lifecycle.Start();
    }
}
