using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Beamline.InProcess;

/// <summary>
/// Carries requests into an application of the same process. Bodies stream both ways through bounded pipes; the response is
/// returned as soon as its headers start; cancelling the call or disposing the response before its end aborts the request, and
/// an application that throws after the headers breaks the body off, as on a socket. One that throws before answers 500.
/// The application runs on the thread pool without the caller's ambient context, as it would behind a socket.
/// </summary>
public sealed class InProcessHandler : HttpMessageHandler
{
    private readonly InProcessServer? _server;
    private readonly Func<IFeatureCollection, Task>? _delegate;

    public InProcessHandler(InProcessServer server)
    {
        ArgumentNullException.ThrowIfNull(server);
        _server = server;
    }

    /// <summary>Without a server: the delegate sees a plain <see cref="DefaultHttpContext"/>.</summary>
    public InProcessHandler(RequestDelegate application)
    {
        ArgumentNullException.ThrowIfNull(application);
        _delegate = features => application(new DefaultHttpContext(features));
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        cancellationToken.ThrowIfCancellationRequested();
        var application = _server?.Enter() ?? _delegate!;
        Exchange exchange;
        try
        {
            AddTraceContext(request);
            exchange = new Exchange(request, _server, application);
            await exchange.OpenRequestBodyAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            _server?.Exit();
            throw;
        }

        ThreadPool.UnsafeQueueUserWorkItem(exchange, preferLocal: true);
        return await exchange.ResponseAsync(cancellationToken).ConfigureAwait(false);
    }

    private static void AddTraceContext(HttpRequestMessage request)
    {
        if (Activity.Current is { } activity && !request.Headers.NonValidated.Contains("traceparent"))
        {
            DistributedContextPropagator.Current.Inject(activity, request, static (carrier, name, value) =>
                ((HttpRequestMessage)carrier!).Headers.TryAddWithoutValidation(name, value));
        }
    }
}
