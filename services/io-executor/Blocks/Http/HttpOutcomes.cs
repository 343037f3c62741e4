using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using System.Text.Unicode;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>Turns responses and transport failures into outcomes.</summary>
internal static class HttpOutcomes
{
    // Enough of an error's body to see what is wrong, small enough for every log and dead letter.
    private const int MaxErrorBodyBytes = 2 * 1024;
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(24);

    public static async Task<BlockOutcome> OfAsync(HttpResponseMessage response, StepRequest request, TimeProvider clock, long started, CancellationToken cancellation)
    {
        var status = (int)response.StatusCode;
        var max = status >= 400 ? Math.Min(MaxErrorBodyBytes, request.MaxOutputBytes) : request.MaxOutputBytes;
        var expected = response.Content.Headers.ContentLength;
        if (status < 400 && expected > max && response.RequestMessage?.Method != HttpMethod.Head)
        {
            return TooLarge(max);
        }

        var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        var (body, more) = await BoundedBody.ReadAsync(stream, expected, max, cancellation).ConfigureAwait(false);
        if (status >= 400)
        {
            return ErrorStatus(response, status, body, clock);
        }

        return more ? TooLarge(max) : Success(response, body, (long)clock.GetElapsedTime(started).TotalMilliseconds);
    }

    /// <summary>Null for what is no failure of the call: a fired token, a bug.</summary>
    public static BlockOutcome? Of(Exception failure, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
        {
            return null;
        }

        if (Find<EgressRefusedException>(failure) is { } refused)
        {
            return BlockOutcome.Failed(ErrorCode.PermissionDenied, $"The address is refused: {refused.Message}.", retryable: false, StepOutputs.Reason("egress_refused"));
        }

        if (failure is OperationCanceledException || Find<SocketException>(failure)?.SocketErrorCode == SocketError.TimedOut)
        {
            return BlockOutcome.Failed(ErrorCode.ConnectionTimeout, "The connection could not be made in time.");
        }

        if (Find<AuthenticationException>(failure) is not null)
        {
            return BlockOutcome.Failed(ErrorCode.NetworkError, "The TLS handshake failed: the certificate or protocol was not accepted.", retryable: false, StepOutputs.Reason("tls"));
        }

        return failure switch
        {
            HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } =>
                BlockOutcome.Failed(ErrorCode.NetworkError, "The response's headers are too large.", retryable: false, StepOutputs.Reason("response_headers_too_large")),
            HttpRequestException { HttpRequestError: var error } => Network(error),
            HttpIOException { HttpRequestError: var error } => Network(error),
            IOException => Network(HttpRequestError.Unknown),
            SocketException => Network(HttpRequestError.ConnectionError), // bare, where the server dies just when the connection is made
            InvalidDataException => BlockOutcome.Failed(ErrorCode.NetworkError, "The response's compression is broken.", details: StepOutputs.Reason("bad_encoding")),
            _ => null,
        };
    }

    private static BlockOutcome Network(HttpRequestError error)
    {
        var (reason, message) = error switch
        {
            HttpRequestError.NameResolutionError => ("name_resolution", "The host's name could not be resolved."),
            HttpRequestError.ConnectionError => ("connect", "The connection could not be made."),
            HttpRequestError.SecureConnectionError => ("tls", "The TLS connection could not be made."),
            HttpRequestError.ResponseEnded => ("response_ended", "The server closed the connection before the response was complete."),
            HttpRequestError.InvalidResponse or HttpRequestError.HttpProtocolError => ("bad_response", "The server's answer is not valid HTTP."),
            _ => ("network", "The connection broke."),
        };
        return BlockOutcome.Failed(ErrorCode.NetworkError, message, details: StepOutputs.Reason(reason));
    }

    private static BlockOutcome TooLarge(int max) => BlockOutcome.Failed(
        ErrorCode.ExecutionFailed, string.Create(CultureInfo.InvariantCulture, $"The response's body is larger than max_output_bytes ({max})."), retryable: false, StepOutputs.Reason("output_too_large"));

    private static BlockOutcome ErrorStatus(HttpResponseMessage response, int status, ReadOnlyMemory<byte> body, TimeProvider clock)
    {
        var details = StepOutputs.Write((status, body), static (json, state) =>
        {
            json.WriteNumber("status_code", state.status);
            WriteBody(json, state.body.Span);
        });
        return BlockOutcome.Failed(
            ErrorCode.HttpError, string.Create(CultureInfo.InvariantCulture, $"The server answered {status}."),
            ErrorCatalogue.IsRetryableHttpStatus(status), details, RetryAfter(response.Headers, clock));
    }

    private static BlockOutcome Success(HttpResponseMessage response, ReadOnlyMemory<byte> body, long latency) =>
        BlockOutcome.Ok(StepOutputs.Write((response, body, latency), static (json, state) =>
        {
            json.WriteNumber("status_code", (int)state.response.StatusCode);
            json.WriteStartObject("headers");
            WriteHeaders(json, state.response.Headers.NonValidated);
            WriteHeaders(json, state.response.Content.Headers.NonValidated);
            json.WriteEndObject();
            WriteBody(json, state.body.Span);
            json.WriteNumber("latency_ms", state.latency);
        }));

    private static void WriteHeaders(Utf8JsonWriter json, HttpHeadersNonValidated headers)
    {
        foreach (var (name, values) in headers)
        {
            if (values.Count == 1)
            {
                json.WriteString(name, values.ToString());
                continue;
            }

            json.WriteStartArray(name);
            foreach (var value in values)
            {
                json.WriteStringValue(value);
            }

            json.WriteEndArray();
        }
    }

    private static void WriteBody(Utf8JsonWriter json, ReadOnlySpan<byte> body)
    {
        if (Utf8.IsValid(body))
        {
            json.WriteString("body", body);
        }
        else
        {
            json.WriteBase64String("body_base64", body);
        }
    }

    private static TimeSpan? RetryAfter(HttpResponseHeaders headers, TimeProvider clock)
    {
        if (!headers.NonValidated.Contains("Retry-After") || headers.RetryAfter is not { } wish)
        {
            return null;
        }

        var wait = wish.Delta ?? wish.Date - clock.GetUtcNow() ?? TimeSpan.Zero;
        return wait <= TimeSpan.Zero ? null : wait < LongestRetryAfter ? wait : LongestRetryAfter;
    }

    private static T? Find<T>(Exception? failure)
        where T : Exception
    {
        while (failure is not (null or T))
        {
            failure = failure.InnerException;
        }

        return (T?)failure;
    }
}
