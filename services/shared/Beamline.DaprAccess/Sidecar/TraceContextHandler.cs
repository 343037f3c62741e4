using System.Diagnostics;

namespace Beamline.DaprAccess;

/// <summary>Writes the current W3C trace context into requests that leave by a handler of the host's. SocketsHttpHandler does it by itself.</summary>
internal sealed class TraceContextHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        DistributedContextPropagator.Current.Inject(Activity.Current, request, static (carrier, name, value) =>
        {
            if (carrier is HttpRequestMessage message && !message.Headers.Contains(name))
            {
                message.Headers.TryAddWithoutValidation(name, value);
            }
        });
        return base.SendAsync(request, cancellationToken);
    }
}
