using System.Diagnostics;
using System.Net.Sockets;
using Beamline.Sidecar.Http;

namespace Beamline.Sidecar.Apps;

/// <summary>The way from a sidecar to its app: in memory, or over a socket.</summary>
internal sealed class AppChannel : IDisposable
{
    private readonly HttpMessageInvoker _invoker;
    private readonly Uri _base;
    private readonly string? _token;

    private AppChannel(HttpMessageInvoker invoker, Uri root, string? token)
    {
        _invoker = invoker;
        _base = root;
        _token = token;
    }

    /// <summary>The app's port, for the metadata; zero in memory.</summary>
    public int Port { get; private init; }

    /// <summary>Null for a sidecar without an app.</summary>
    public static AppChannel? Open(SidecarAppOptions app)
    {
        if (app.AppHandler is { } handler)
        {
            return new AppChannel(new HttpMessageInvoker(handler, disposeHandler: false), new Uri("http://127.0.0.1"), app.AppApiToken);
        }

        if (app.AppEndpoint is not { } endpoint)
        {
            return null;
        }

        // Passes everything on as it is: no redirects, cookies, proxies, and only the caller's own trace context.
        var sockets = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        };
        return new AppChannel(new HttpMessageInvoker(sockets), endpoint, app.AppApiToken) { Port = endpoint.Port };
    }

    public HttpRequestMessage Request(HttpMethod method, string target)
    {
        var request = new HttpRequestMessage(method, new Uri(_base, target.StartsWith('/') ? target : "/" + target));
        if (_token is not null)
        {
            request.Headers.TryAddWithoutValidation(ApiHeaders.ApiToken, _token);
        }

        return request;
    }

    /// <exception cref="HttpRequestException">The app is away.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            return await _invoker.SendAsync(request, cancellation).ConfigureAwait(false);
        }
        catch (SocketException failure)
        {
            // Where the other end dies just when the connection is made, the handler lets this one out bare.
            throw new HttpRequestException(HttpRequestError.ConnectionError, failure.Message, failure);
        }
    }

    public void Dispose() => _invoker.Dispose();
}
