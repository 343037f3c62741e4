using System.Text;
using System.Text.Json;

namespace Beamline.DaprAccess;

/// <summary>Dapr's error body <c>{"errorCode","message","details"}</c>, or whatever else came instead, cut short.</summary>
internal readonly record struct DaprErrorBody(string? ErrorCode, string Message)
{
    /// <summary>Long enough for every message in the recordings; short enough for a log line.</summary>
    private const int ExcerptLength = 512;

    public string Text => ErrorCode is null ? Message : $"{ErrorCode}: {Message}";

    public static DaprErrorBody Read(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            var wire = JsonSerializer.Deserialize(ref reader, DaprJson.Default.DaprErrorWire);
            if (wire?.ErrorCode is { Length: > 0 } code)
            {
                return new DaprErrorBody(code, Cut(wire.Message ?? ""));
            }
        }
        catch (JsonException)
        {
            // Not every error is JSON: a wrong token is answered in plain text.
        }

        return new DaprErrorBody(null, Excerpt(body));
    }

    public static string Excerpt(ReadOnlySpan<byte> body) =>
        Cut(Encoding.UTF8.GetString(body[..Math.Min(body.Length, ExcerptLength * 4)]).Trim());

    private static string Cut(string text) => text.Length <= ExcerptLength ? text : string.Concat(text.AsSpan(0, ExcerptLength), "…");
}
