using System.Net;
using Beamline.Sidecar.Apps;
using Beamline.Sidecar.Http;
using Beamline.Sidecar.Resiliency;
using Microsoft.AspNetCore.Http;
using Polly.Timeout;

namespace Beamline.Sidecar.Invocation;

/// <summary>
/// Service invocation: hands a request to an instance of the callee and its answer back, both streamed. With a policy for the
/// callee the request body is held, because it may be sent again.
/// </summary>
internal sealed class InvokeEndpoint(SidecarApp self, AppDirectory directory, PolicyRunner policies, int maxBody)
{
    private static readonly HashSet<string> NotPassedOn = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "TE", "Trailer", "Content-Length",
        ApiHeaders.ApiToken, ApiHeaders.AppId, ApiHeaders.CalleeAppId, ApiHeaders.CallerAppId, ApiHeaders.CallerNamespace,
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
    };

    /// <param name="context">The caller's request.</param>
    /// <param name="target">The app-id, also with a namespace: <c>callee.default</c>.</param>
    /// <param name="path">Decoded, without its first slash.</param>
    /// <param name="query">Empty, or from the question mark on.</param>
    public async Task<ApiAnswer?> HandleAsync(HttpContext context, string target, string path, string query)
    {
        var appId = target.EndsWith(".default", StringComparison.Ordinal) ? target[..^".default".Length] : target;
        var callee = directory.Pick(appId);
        if (callee is null)
        {
            return Failed(appId, "no host found with the given ID");
        }

        if (callee.Channel is null)
        {
            return Failed(appId, "rpc error: code = Internal desc = app channel is not initialized");
        }

        if (!callee.IsHealthy)
        {
            return Failed(appId, "rpc error: code = Internal desc = app is not in a healthy state");
        }

        if (context.Request.ContentLength > maxBody)
        {
            return Failed(appId, RequestBody.TooLarge);
        }

        var policy = policies.ForApp(self.AppId, appId);
        byte[]? held = null;
        if (!policy.IsNone || (context.Request.ContentLength is null && HasBody(context.Request)))
        {
            held = await RequestBody.ReadAsync(context.Request, maxBody, context.RequestAborted).ConfigureAwait(false);
            if (held is null)
            {
                return Failed(appId, RequestBody.TooLarge);
            }
        }

        var escaped = string.Join('/', path.Split('/').Select(Uri.EscapeDataString));
        return await CallAsync(context, new Call(context, callee, appId, escaped + query, held), policy, path).ConfigureAwait(false);
    }

    private async Task<ApiAnswer?> CallAsync(HttpContext context, Call call, TargetPolicy policy, string path)
    {
        try
        {
            var attempt = await policies.RunAsync(
                policy, ("app", self.AppId, call.AppId, path),
                static (bound, token) => bound.Endpoint.TryAsync(bound.Call, bound.Policy, token),
                (Endpoint: this, Call: call, Policy: policy), context.RequestAborted).ConfigureAwait(false);
            using var response = (HttpResponseMessage)attempt.Result!;
            await PassBackAsync(context, response).ConfigureAwait(false);
            return null;
        }
        catch (HttpRequestException failure)
        {
            return Failed(call.AppId, $"rpc error: code = Internal desc = error invoking app channel: {failure.Message}");
        }
        catch (BreakerOpenException open)
        {
            return Failed(call.AppId, open.Message);
        }
        catch (TimeoutRejectedException)
        {
            return Failed(call.AppId, "context deadline exceeded");
        }
    }

    private async ValueTask<Attempt> TryAsync(Call call, TargetPolicy policy, CancellationToken cancellation)
    {
        // A retry goes to any instance that is left, not to the one that failed.
        var callee = directory.Pick(call.AppId) ?? call.Callee;
        using var request = Build(call, callee);
        var response = await callee.Channel!.SendAsync(request, cancellation).ConfigureAwait(false);
        var failed = (int)response.StatusCode is < 200 or >= 300;
        var retryable = failed && (policy.Retry?.Matching?.Contain((int)response.StatusCode) ?? true);
        return new Attempt(response, failed, retryable);
    }

    private HttpRequestMessage Build(Call call, SidecarApp callee)
    {
        var source = call.Context.Request;
        var request = callee.Channel!.Request(HttpMethod.Parse(source.Method), call.Target);
        if (call.Held is { Length: > 0 } held)
        {
            request.Content = new ByteArrayContent(held);
        }
        else if (call.Held is null && source.ContentLength > 0)
        {
            request.Content = new StreamContent(source.Body);
            request.Content.Headers.ContentLength = source.ContentLength;
        }

        foreach (var (name, values) in source.Headers)
        {
            if (!NotPassedOn.Contains(name)
                && !request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            {
                (request.Content ??= new ByteArrayContent([])).Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        if (call.AppId != self.AppId)
        {
            AddOrigin(request, source, call.AppId);
        }

        return request;
    }

    private void AddOrigin(HttpRequestMessage request, HttpRequest source, string appId)
    {
        var host = Dns.GetHostName();
        var remote = source.HttpContext.Connection.RemoteIpAddress?.MapToIPv4().ToString() ?? "127.0.0.1";
        request.Headers.TryAddWithoutValidation(ApiHeaders.CalleeAppId, appId);
        request.Headers.TryAddWithoutValidation(ApiHeaders.CallerAppId, self.AppId);
        request.Headers.TryAddWithoutValidation(ApiHeaders.CallerNamespace, "default");
        request.Headers.TryAddWithoutValidation("Forwarded", $"for={remote};by=127.0.0.1;host={host}");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", remote);
        request.Headers.TryAddWithoutValidation("X-Forwarded-Host", host);
    }

    private static async Task PassBackAsync(HttpContext context, HttpResponseMessage response)
    {
        var target = context.Response;
        target.StatusCode = (int)response.StatusCode;
        foreach (var (name, values) in response.Headers.NonValidated)
        {
            if (!NotPassedOn.Contains(name))
            {
                target.Headers.Append(name, values.ToArray());
            }
        }

        foreach (var (name, values) in response.Content.Headers.NonValidated)
        {
            target.Headers.Append(name, values.ToArray());
        }

        if (HttpMethods.IsHead(context.Request.Method) || response.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.NotModified)
        {
            target.Headers.ContentLength = null;
            return;
        }

        if (target.ContentLength is null)
        {
            // A held stream may send its headers long before its first line.
            await target.StartAsync(context.RequestAborted).ConfigureAwait(false);
        }

        try
        {
            await response.Content.CopyToAsync(target.Body, context.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException)
        {
            // The callee broke its answer off: so must we, or the caller would take half of it for all.
            context.Abort();
        }
    }

    private static bool HasBody(HttpRequest request) =>
        request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? false;

    private static ApiAnswer Failed(string appId, string why) => ApiAnswer.Error(
        StatusCodes.Status500InternalServerError, "ERR_DIRECT_INVOKE", $"failed to invoke, id: {appId}, err: {why}");

    private sealed record Call(HttpContext Context, SidecarApp Callee, string AppId, string Target, byte[]? Held);
}
