using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Beamline.Sidecar.Conformance.Tests.Hosts;

/// <summary>
/// An app behind a sidecar: writes down every request, then lets <paramref name="answer"/> reply. Answers the subscription
/// handshake itself with <paramref name="subscriptions"/> (JSON), and does not write that down as a delivery.
/// </summary>
internal sealed class RecordingApp(string subscriptions, Func<ReceivedRequest, HttpContext, Task> answer)
{
    private const int MaxReceived = 10_000; // far above what one suite sends; a hot redelivery loop ends here instead of in memory
    private readonly Lock _lock = new(); // guards the three lists
    private readonly List<ReceivedRequest> _received = [];
    private readonly List<ReceivedRequest> _handshakes = [];
    private readonly List<(Func<ReceivedRequest, bool> Match, int Count, TaskCompletionSource Signal)> _waiters = [];

    public IReadOnlyList<ReceivedRequest> Received
    {
        get
        {
            lock (_lock)
            {
                return [.. _received];
            }
        }
    }

    public IReadOnlyList<ReceivedRequest> Handshakes
    {
        get
        {
            lock (_lock)
            {
                return [.. _handshakes];
            }
        }
    }

    public void Forget()
    {
        lock (_lock)
        {
            _received.Clear();
        }
    }

    /// <summary>Returns when <paramref name="count"/> matching requests have come, also those that came before the call.</summary>
    public async Task WaitAsync(Func<ReceivedRequest, bool> match, int count, TimeSpan within, CancellationToken cancellation)
    {
        var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_received.Count(match) >= count)
            {
                return;
            }

            _waiters.Add((match, count, signal));
        }

        try
        {
            await signal.Task.WaitAsync(within, TimeProvider.System, cancellation);
        }
        finally
        {
            lock (_lock)
            {
                _waiters.RemoveAll(waiter => waiter.Signal == signal);
            }
        }
    }

    public async Task HandleAsync(HttpContext context)
    {
        var request = await ReadAsync(context.Request, context.RequestAborted);
        if (request.Target is "/dapr/config" or "/dapr/subscribe")
        {
            await AnswerHandshakeAsync(request, context.Response);
            return;
        }

        Record(request);
        await answer(request, context);
    }

    private async Task AnswerHandshakeAsync(ReceivedRequest request, HttpResponse response)
    {
        lock (_lock)
        {
            _handshakes.Add(request);
        }

        if (request.Target == "/dapr/config")
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        response.ContentType = "application/json";
        await response.WriteAsync(subscriptions, response.HttpContext.RequestAborted);
    }

    private void Record(ReceivedRequest request)
    {
        lock (_lock)
        {
            if (_received.Count < MaxReceived)
            {
                _received.Add(request);
            }

            foreach (var waiter in _waiters.Where(waiter => _received.Count(waiter.Match) >= waiter.Count))
            {
                waiter.Signal.TrySetResult();
            }
        }
    }

    private static async Task<ReceivedRequest> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancellation);
        var raw = request.HttpContext.Features.Get<IHttpRequestFeature>()?.RawTarget;
        return new ReceivedRequest(
            request.Method,
            string.IsNullOrEmpty(raw) ? request.Path + request.QueryString : raw,
            request.Headers.ToDictionary(
                header => header.Key, header => header.Value.Select(value => value ?? "").ToArray(), StringComparer.OrdinalIgnoreCase),
            body.ToArray());
    }

    public static RecordingApp AnsweringOk(string subscriptions = "[]") => new(subscriptions, (_, _) => Task.CompletedTask);

    public static Task AnswerAsync(HttpContext context, int status, string contentType, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = status == StatusCodes.Status204NoContent ? null : body.Length;
        return body.Length == 0 ? Task.CompletedTask : context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    public static Task AnswerAsync(HttpContext context, int status, string contentType, string body) =>
        AnswerAsync(context, status, contentType, Encoding.UTF8.GetBytes(body));
}
