using Beamline.InProcess;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Beamline.Sidecar.Conformance.Tests.Hosts;

/// <summary>Where a sidecar finds its app: a listening Kestrel, or a handler in this process. Both can be taken down.</summary>
internal sealed class AppListener : IAsyncDisposable
{
    private WebApplication? _server;

    public Uri? Endpoint { get; private init; }

    public HttpMessageHandler? Handler { get; private init; }

    public static async Task<AppListener> OnSocketAsync(RequestDelegate app, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = builder.Build();
        server.Run(app);
        await server.StartAsync(cancellation);
        return new AppListener { _server = server, Endpoint = new Uri(server.Urls.Single()) };
    }

    public static AppListener InMemory(RequestDelegate app) => new() { Handler = new Switchable(new InProcessHandler(app)) };

    /// <summary>From now on calls are refused as by a closed port.</summary>
    public async Task TakeDownAsync(CancellationToken cancellation)
    {
        if (Handler is Switchable switchable)
        {
            switchable.IsDown = true;
        }

        if (_server is not null)
        {
            await _server.StopAsync(cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
            _server = null;
        }

        Handler?.Dispose();
    }

    private sealed class Switchable(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        public volatile bool IsDown;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            IsDown
                ? Task.FromException<HttpResponseMessage>(new HttpRequestException(HttpRequestError.ConnectionError, "connection refused"))
                : base.SendAsync(request, cancellationToken);
    }
}
