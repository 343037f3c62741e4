using System.Text;
using System.Text.RegularExpressions;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>
/// Replaces what is new in each run by its shape, so that the rest can be compared byte for byte. A value is masked only
/// when it has the shape that the runtime generates: an id given by the publisher stays, and a malformed time shows.
/// </summary>
internal static partial class Mask
{
    public static string Bytes(ReadOnlySpan<byte> body) => Text(Readable(body));

    public static string Text(string text)
    {
        text = Id().Replace(text, "\"id\":\"<uuid>\"");
        text = Time().Replace(text, "\"$1\":\"<time>\"");
        text = Trace().Replace(text, "\"$1\":\"<trace>\"");
        text = Etag().Replace(text, "\"etag\":\"<etag>\"");
        return Base64().Replace(text, match => $"\"data_base64\":({Bytes(Convert.FromBase64String(match.Groups[1].Value))})");
    }

    private static string Readable(ReadOnlySpan<byte> body)
    {
        var text = Encoding.UTF8.GetString(body);
        return Encoding.UTF8.GetBytes(text).AsSpan().SequenceEqual(body) ? text : "0x" + Convert.ToHexString(body);
    }

    [GeneratedRegex("\"id\":\"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\"")]
    private static partial Regex Id();

    [GeneratedRegex("\"(time|expiration)\":\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\"")]
    private static partial Regex Time();

    [GeneratedRegex("\"(traceid|traceparent)\":\"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\"")]
    private static partial Regex Trace();

    [GeneratedRegex("\"etag\":\"[^\"]+\"")]
    private static partial Regex Etag();

    [GeneratedRegex("\"data_base64\":\"([A-Za-z0-9+/]*={0,2})\"")]
    private static partial Regex Base64();
}
