using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Beamline.Sidecar.Apps;

/// <summary>A bare Kestrel on the loopback address before the API's delegate.</summary>
internal sealed class AppListener : IHttpApplication<HttpContext>, IDisposable
{
    private readonly RequestDelegate _api;
    private readonly KestrelServer _server;

    public AppListener(RequestDelegate api, int port, ILoggerFactory loggers)
    {
        _api = api;
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MaxRequestBodySize = null; // The API has its own limit, and Dapr's words for it.
        options.Listen(IPAddress.Loopback, port);
        _server = new KestrelServer(
            Options.Create(options), new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers), loggers);
    }

    public Uri? Endpoint { get; private set; }

    public async Task StartAsync(CancellationToken cancellation)
    {
        await _server.StartAsync(this, cancellation).ConfigureAwait(false);
        Endpoint = new Uri(_server.Features.Get<IServerAddressesFeature>()!.Addresses.Single());
    }

    public async Task StopAsync(TimeSpan drain)
    {
        using var limit = new CancellationTokenSource(drain);
        await _server.StopAsync(limit.Token).ConfigureAwait(false);
    }

    public void Dispose() => _server.Dispose();

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public Task ProcessRequestAsync(HttpContext context) => _api(context);

    public void DisposeContext(HttpContext context, Exception? exception)
    {
    }
}
