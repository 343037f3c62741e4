using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>The one connection pool of the process. Every connection is made here, after the egress policy has seen its address.</summary>
internal sealed class HttpTransport : IDisposable
{
    // A name with more addresses than this is not tried to the end: the connect timeout would be over anyway.
    private const int MaxAddresses = 16;

    private readonly EgressPolicy _egress;
    private readonly HttpMessageInvoker _invoker;

    public HttpTransport(IOptions<HttpBlockOptions> options, EgressPolicy egress)
    {
        _egress = egress;
        var settings = options.Value;
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            // The block follows redirects itself, to check each; a proxy from the environment would hide the address from the policy;
            // cookies of one tenant must not reach another's request.
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.GZip | DecompressionMethods.Brotli | DecompressionMethods.Deflate,
            ConnectCallback = ConnectAsync,
            ConnectTimeout = settings.ConnectTimeout,
            PooledConnectionIdleTimeout = settings.PooledConnectionIdleTimeout,
            PooledConnectionLifetime = settings.PooledConnectionLifetime,
            MaxConnectionsPerServer = settings.MaxConnectionsPerServer,
            MaxResponseHeadersLength = settings.MaxResponseHeadersKib,
            MaxResponseDrainSize = 64 * 1024,
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
        });
    }

    /// <summary>Answers once the response's headers are there.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation) => _invoker.SendAsync(request, cancellation);

    public void Dispose() => _invoker.Dispose();

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellation).ConfigureAwait(false);
        var allowed = new List<IPAddress>();
        var reason = "the name has no address";
        foreach (var address in addresses.Take(MaxAddresses))
        {
            if (_egress.WhyRefused(host, port, address) is { } refusal)
            {
                reason = refusal;
                continue;
            }

            allowed.Add(address);
        }

        if (allowed.Count == 0)
        {
            throw new EgressRefusedException(reason);
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            // Addresses, not the name: what was checked is what is connected to.
            await socket.ConnectAsync([.. allowed], port, cancellation).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>Carries the policy's refusal out of the connection pool.</summary>
internal sealed class EgressRefusedException(string reason) : IOException(reason);
