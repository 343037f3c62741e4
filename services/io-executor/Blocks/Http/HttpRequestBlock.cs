using System.Globalization;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>
/// <c>http.request</c>: one HTTP call.
/// <para>Inputs: <c>url</c> (else <c>executor.endpoint</c>), <c>method</c> (GET), <c>headers</c> (name → string or list), <c>query</c>
/// (name → string, number, boolean or list), <c>body</c> or <c>body_base64</c>, <c>max_redirects</c> (at most Http:MaxRedirects).</para>
/// <para>Result: <c>status_code</c>, <c>headers</c> (name → string, or list where the header came more than once), <c>body</c> (UTF-8) or
/// <c>body_base64</c>, <c>latency_ms</c>. gzip, br and deflate are undone. A redirect that is not followed is a result.</para>
/// <para>Errors: 4xx and 5xx are 3003 with <c>details.status_code</c>, retryable for 408, 425, 429 and 5xx, no sooner than Retry-After;
/// 3001 network; 3002 connect timeout; 2003 an address that the egress policy refuses; 2001 <c>output_too_large</c>; 1001 and 1002 inputs.</para>
/// </summary>
internal sealed class HttpRequestBlock(IOptions<HttpBlockOptions> options, HttpTransport transport) : IBlockExecutor
{
    private readonly HttpBlockOptions _options = options.Value;

    public string Type => "http.request";

    public string Version => "1";

    public async ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation)
    {
        var call = HttpCall.Read(request, _options);
        if ((request.Inputs.Invalid ?? DryRuns.Refusal(request)) is { } invalid)
        {
            return invalid;
        }

        var started = context.Clock.GetTimestamp();
        try
        {
            return await FollowAsync(call, request, context, started, cancellation).ConfigureAwait(false);
        }
        catch (Exception failure) when (HttpOutcomes.Of(failure, cancellation) is { } outcome)
        {
            return outcome;
        }
    }

    private async Task<BlockOutcome> FollowAsync(HttpCall call, StepRequest request, BlockContext context, long started, CancellationToken cancellation)
    {
        for (var redirects = 0; ; redirects++)
        {
            using var message = Message(call, request);
            using var response = await transport.SendAsync(message, cancellation).ConfigureAwait(false);
            var next = Redirects.Next(call, response);
            if (next.Refusal is { } refusal)
            {
                return refusal;
            }

            if (next.Call is null)
            {
                return await HttpOutcomes.OfAsync(response, request, context.Clock, started, cancellation).ConfigureAwait(false);
            }

            if (redirects == call.MaxRedirects)
            {
                return BlockOutcome.Failed(ErrorCode.HttpError, $"More than {call.MaxRedirects} redirects.", retryable: false, StepOutputs.Reason("too_many_redirects"));
            }

            call = next.Call;
        }
    }

    private HttpRequestMessage Message(HttpCall call, StepRequest request)
    {
        var message = new HttpRequestMessage(call.Method, call.Url) { VersionPolicy = HttpVersionPolicy.RequestVersionOrHigher };
        if (call.Body is { } body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
        }

        foreach (var (name, value) in call.Headers)
        {
            // Content-Type and its like are refused by the request's own headers: they belong to the content, also to an empty one.
            if (!message.Headers.TryAddWithoutValidation(name, value))
            {
                message.Content ??= new ReadOnlyMemoryContent(default);
                message.Content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        if (_options.TraceHeaders)
        {
            AddTraceHeaders(message, request);
        }

        return message;
    }

    private static void AddTraceHeaders(HttpRequestMessage message, StepRequest request)
    {
        Set("x-beamline-assignment", request.AssignmentId);
        Set("x-beamline-delivery", request.Delivery.ToString(CultureInfo.InvariantCulture));
        Set("x-beamline-lease", request.Lease.ToString(CultureInfo.InvariantCulture));
        Set("x-beamline-retry", request.RetriesUsed.ToString(CultureInfo.InvariantCulture));
        Set("x-beamline-replay", request.Replay.ToString(CultureInfo.InvariantCulture));

        // A step's own header of the name would be a second, forged value.
        void Set(string name, string value)
        {
            message.Headers.Remove(name);
            message.Headers.TryAddWithoutValidation(name, value);
        }
    }
}
