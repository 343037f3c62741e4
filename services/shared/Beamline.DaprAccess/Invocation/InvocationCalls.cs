using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Beamline.DaprAccess;

internal sealed class InvocationCalls(SidecarConnection sidecar)
{
    // Only the start of an error is kept: a callee's stream of megabytes must not become an exception's text.
    private const int MaxErrorBytes = 8 * 1024;

    public async Task<TResponse> InvokeAsync<TResponse>(
        string appId, string method, ReadOnlyMemory<byte> body, JsonTypeInfo<TResponse> responseType, CancellationToken ct)
    {
        using var response = await SendAsync(appId, method, body, HttpCompletionOption.ResponseContentRead, ct).ConfigureAwait(false);
        try
        {
            // Whole already: one span is read several times faster than a stream's pieces.
            var json = await response.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false);
            return JsonSerializer.Deserialize(json, responseType) ?? throw new JsonException("the body is null");
        }
        catch (JsonException unreadable)
        {
            throw new DaprInvocationException(DaprInvocationFailure.InvalidAnswer, appId, method, unreadable.Message, response.StatusCode, innerException: unreadable);
        }
    }

    public async Task<HttpResponseMessage> SendAsync(
        string appId, string method, ReadOnlyMemory<byte> body, HttpCompletionOption completion, CancellationToken ct)
    {
        var call = new SidecarRequest($"invoke {appId}/{method}", HttpMethod.Post, DaprRoutes.Invoke(appId, method)) { Body = body };
        HttpResponseMessage response;
        try
        {
            response = await sidecar.SendAsync(call, completion, ct).ConfigureAwait(false);
        }
        catch (Exception failure) when (SidecarConnection.IsUnreachable(failure, ct))
        {
            throw Unanswered(appId, method, failure);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw Failure(appId, method, response.StatusCode, await ErrorBodyAsync(response, ct).ConfigureAwait(false));
        }
    }

    private DaprInvocationException Unanswered(string appId, string method, Exception failure)
    {
        // A connection that was never made has carried nothing; one that broke may have.
        var kind = failure switch
        {
            OperationCanceledException or SocketException => DaprInvocationFailure.SidecarUnreachable,
            HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError } => DaprInvocationFailure.SidecarUnreachable,
            HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } => DaprInvocationFailure.InvalidAnswer,
            _ => DaprInvocationFailure.AppUnreachable,
        };
        return new DaprInvocationException(kind, appId, method, sidecar.Describe(failure), innerException: failure);
    }

    private static DaprInvocationException Failure(string appId, string method, HttpStatusCode status, byte[] body)
    {
        var error = DaprErrorBody.Read(body);
        return new DaprInvocationException(Classify(error), appId, method, error.Message, status, error.ErrorCode);
    }

    // Dapr has one error code for everything that kept the call from the callee; only the text tells the causes apart.
    // What no known text matches counts as "may have run", the careful reading.
    private static DaprInvocationFailure Classify(DaprErrorBody error) => error switch
    {
        { ErrorCode: null } => DaprInvocationFailure.CalleeAnswered,
        { ErrorCode: not "ERR_DIRECT_INVOKE" } => DaprInvocationFailure.CalleeAnswered,
        { Message: var text } when text.Contains("no host found", StringComparison.Ordinal) => DaprInvocationFailure.AppNotFound,
        { Message: var text } when text.Contains("circuit breaker is open", StringComparison.Ordinal) => DaprInvocationFailure.CircuitOpen,
        { Message: var text } when text.Contains("deadline exceeded", StringComparison.Ordinal) => DaprInvocationFailure.TimedOut,
        { Message: var text } when text.Contains("stream too large", StringComparison.Ordinal) => DaprInvocationFailure.RequestTooLarge,
        _ => DaprInvocationFailure.AppUnreachable,
    };

    private static async Task<byte[]> ErrorBodyAsync(HttpResponseMessage response, CancellationToken ct)
    {
        try
        {
            var stream = await response.Content.ReadAsStreamAsync(ct).ConfigureAwait(false);
            var buffer = new byte[MaxErrorBytes];
            var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct).ConfigureAwait(false);
            return buffer[..length];
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException)
        {
            return [];
        }
    }
}
