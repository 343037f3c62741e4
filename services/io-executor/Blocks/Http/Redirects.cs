using System.Net;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>What a redirect asks for. The next call connects through the egress policy like the first.</summary>
internal static class Redirects
{
    /// <summary>The call to make next, or a refusal; neither when the response is no redirect.</summary>
    public static (HttpCall? Call, BlockOutcome? Refusal) Next(HttpCall call, HttpResponseMessage response)
    {
        if (response.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
            or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect) || call.MaxRedirects == 0
            || !response.Headers.NonValidated.TryGetValues("Location", out var locations))
        {
            return default;
        }

        if (!Uri.TryCreate(call.Url, locations.ToString(), out var url) || HttpCall.WhyUnusable(url.AbsoluteUri) is not null)
        {
            return (null, BlockOutcome.Failed(ErrorCode.HttpError, "The redirect's location is no usable http or https URL.", retryable: false, StepOutputs.Reason("bad_redirect")));
        }

        if (call.Url.Scheme == Uri.UriSchemeHttps && url.Scheme == Uri.UriSchemeHttp)
        {
            return (null, BlockOutcome.Failed(ErrorCode.PermissionDenied, "A redirect from https to http is not followed.", retryable: false, StepOutputs.Reason("insecure_redirect")));
        }

        var sameOrigin = Uri.Compare(call.Url, url, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;
        var toGet = BecomesGet(call.Method, response.StatusCode);
        return (call with
        {
            Url = url,
            Method = toGet ? HttpMethod.Get : call.Method,
            Body = toGet ? null : call.Body,
            Headers = [.. call.Headers.Where(header => (sameOrigin || !IsCredential(header.Key)) && !(toGet && IsAboutContent(header.Key)))],
        }, null);
    }

    // As browsers do and RFC 9110 allows: 303 always but for HEAD, 301 and 302 for POST.
    private static bool BecomesGet(HttpMethod method, HttpStatusCode status) =>
        (status == HttpStatusCode.SeeOther && method != HttpMethod.Head)
        || (status is HttpStatusCode.MovedPermanently or HttpStatusCode.Found && method == HttpMethod.Post);

    private static bool IsCredential(string name) =>
        name.Equals("authorization", StringComparison.OrdinalIgnoreCase) || name.Equals("cookie", StringComparison.OrdinalIgnoreCase);

    private static bool IsAboutContent(string name) => name.StartsWith("content-", StringComparison.OrdinalIgnoreCase);
}
