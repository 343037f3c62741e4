using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Beamline.Sidecar.Http;

/// <summary>
/// The request's target as it was sent: split at the slashes first, decoded after, so that <c>%2F</c> is part of a key and no
/// separator.
/// </summary>
internal readonly struct ApiPath
{
    private readonly string _path;
    private readonly string[] _raw;

    public ApiPath(HttpRequest request)
    {
        var target = request.HttpContext.Features.Get<IHttpRequestFeature>()?.RawTarget is { Length: > 0 } raw
            ? raw
            : request.Path.ToUriComponent() + request.QueryString.ToUriComponent();
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        _path = mark < 0 ? target : target[..mark];
        Query = mark < 0 ? "" : target[mark..];
        _raw = _path.TrimStart('/').Split('/');
    }

    /// <summary>Empty, or from the question mark on, undecoded.</summary>
    public string Query { get; }

    public int Count => _raw.Length;

    public string Whole => Uri.UnescapeDataString(_path);

    /// <summary>The decoded segment, or an empty one beyond the end.</summary>
    public string this[int index] => index < _raw.Length ? Uri.UnescapeDataString(_raw[index]) : "";

    /// <summary>From a segment on, slashes included, decoded.</summary>
    public string From(int index) => index < _raw.Length ? Uri.UnescapeDataString(string.Join('/', _raw[index..])) : "";

    /// <summary>The query's <c>metadata.x</c> parameters, under x.</summary>
    public Dictionary<string, string> Metadata()
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Query.Length == 0)
        {
            return metadata;
        }

        foreach (var pair in new QueryStringEnumerable(Query))
        {
            var name = pair.DecodeName().ToString();
            if (name.StartsWith("metadata.", StringComparison.Ordinal))
            {
                metadata[name["metadata.".Length..]] = pair.DecodeValue().ToString();
            }
        }

        return metadata;
    }
}
