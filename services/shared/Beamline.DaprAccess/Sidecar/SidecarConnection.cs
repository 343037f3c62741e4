using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Beamline.DaprAccess;

/// <summary>One HTTP hop to the own sidecar: address, token, time limit, and how errors are read. Thread safe.</summary>
internal sealed class SidecarConnection(HttpClient http, DaprClientOptions options, TimeProvider time) : IDisposable
{
    /// <summary>What one request of Dapr may hold (its default <c>max-body-size</c>).</summary>
    public const int MaxRequestBytes = 4 * 1024 * 1024;

    public TimeProvider Time => time;

    /// <summary>Sends one building-block call and reads the whole answer, whatever its status.</summary>
    /// <exception cref="DaprException">No answer came: the sidecar is not there, or it did not answer in time.</exception>
    public async Task<SidecarAnswer> CallAsync(SidecarRequest call, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.CallTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        using var request = Message(call);
        try
        {
            using var response = await http.SendAsync(request, either.Token).ConfigureAwait(false);
            var body = await response.Content.ReadAsByteArrayAsync(either.Token).ConfigureAwait(false);
            return new SidecarAnswer(call.What, response.StatusCode, body, response.Headers);
        }
        catch (OperationCanceledException cancelled) when (timeout.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw new DaprException($"{call.What}: the sidecar did not answer within {options.CallTimeout.TotalSeconds:0.###} s; the outcome is unknown", innerException: cancelled);
        }
        catch (Exception unreachable) when (IsUnreachable(unreachable, ct))
        {
            throw new DaprException($"{call.What}: {Describe(unreachable)}", innerException: unreachable);
        }
    }

    /// <summary>Sends without a time limit; the answer is read by the caller, who disposes it.</summary>
    public async Task<HttpResponseMessage> SendAsync(SidecarRequest call, HttpCompletionOption completion, CancellationToken ct)
    {
        using var request = Message(call);
        return await http.SendAsync(request, completion, ct).ConfigureAwait(false);
    }

    /// <summary>
    /// True where no answer came. A connection that could not be made in time shows as a cancellation that nobody asked for, one
    /// whose other end died just when it was made as a bare <see cref="SocketException"/>.
    /// </summary>
    public static bool IsUnreachable(Exception failure, CancellationToken ct) =>
        failure is HttpRequestException or SocketException || (failure is OperationCanceledException && !ct.IsCancellationRequested);

    public string Describe(Exception failure) => failure is HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded }
        ? $"the answer is larger than {options.MaxAnswerBytes} bytes"
        : $"the sidecar at {http.BaseAddress} cannot be reached ({failure.Message})";

    public void Dispose() => http.Dispose();

    private static HttpRequestMessage Message(SidecarRequest call)
    {
        var request = new HttpRequestMessage(call.Method, new Uri(call.Route, UriKind.Relative));
        if (call.Body is { } body)
        {
            if (body.Length > MaxRequestBytes)
            {
                request.Dispose();
                throw new ArgumentException($"{call.What}: the request has {body.Length} bytes, and Dapr takes {MaxRequestBytes} at most", nameof(call));
            }

            request.Content = new ReadOnlyMemoryContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", call.ContentType);
        }

        if (call.IfMatch is { } etag)
        {
            // Dapr's etags are bare, not quoted as HTTP has them, so the typed header would refuse them.
            request.Headers.TryAddWithoutValidation("If-Match", etag);
        }

        return request;
    }
}

/// <summary>What to send. <paramref name="What"/> says it in words for errors: "publish to caf.exec.result.v1 on beamline-bus".</summary>
internal sealed record SidecarRequest(string What, HttpMethod Method, string Route)
{
    public ReadOnlyMemory<byte>? Body { get; init; }

    public string ContentType { get; init; } = "application/json";

    public string? IfMatch { get; init; }
}

/// <summary>A whole answer of the sidecar.</summary>
internal sealed record SidecarAnswer(string What, HttpStatusCode Status, byte[] Body, HttpResponseHeaders Headers)
{
    public bool IsSuccess => (int)Status is >= 200 and < 300;

    public void EnsureSuccess()
    {
        if (!IsSuccess)
        {
            throw Failure();
        }
    }

    public DaprException Failure()
    {
        var error = DaprErrorBody.Read(Body);
        return new DaprException($"{What}: the sidecar answered {(int)Status} {error.Text}", Status, error.ErrorCode);
    }

    public T ReadJson<T>(JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(Body, type) ?? throw new JsonException("null");
        }
        catch (JsonException unreadable)
        {
            throw new DaprException($"{What}: the sidecar's answer cannot be read ({unreadable.Message})", Status, innerException: unreadable);
        }
    }

    public string? Header(string name) =>
        Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}
