using Microsoft.AspNetCore.Http.Features;

namespace Beamline.Gateway.Requests;

/// <summary>The assignment id in a path. An id may hold slashes, which routing leaves as <c>%2F</c>, while it decodes everything else.</summary>
internal static class TaskPath
{
    private const string EscapedSlash = "%2F";

    /// <param name="request">Its target as it was sent tells <c>a%2Fb</c> (the id a/b) from <c>a%252Fb</c> (the id a%2Fb): routing makes them one.</param>
    /// <param name="routed">What routing took for the id.</param>
    public static string IdOf(HttpRequest request, string routed)
    {
        if (!routed.Contains(EscapedSlash, StringComparison.OrdinalIgnoreCase))
        {
            return routed;
        }

        var target = request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var path = target.AsSpan(0, target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query ? query : target.Length);
        foreach (var segment in path.Split('/'))
        {
            var id = Uri.UnescapeDataString(path[segment]);
            if (WithSlashes(id) == WithSlashes(routed))
            {
                return id;
            }
        }

        return routed;
    }

    private static string WithSlashes(string id) => id.Replace(EscapedSlash, "/", StringComparison.OrdinalIgnoreCase);
}
