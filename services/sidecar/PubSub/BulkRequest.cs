using System.Text;
using System.Text.Json;
using Beamline.Sidecar.Http;

namespace Beamline.Sidecar.PubSub;

/// <summary>An entry of a bulk publish, its event as the bytes that its content type makes of it.</summary>
internal sealed record BulkEntry(string EntryId, byte[] Data, string ContentType, IReadOnlyDictionary<string, string> Metadata);

/// <summary>Reads the body of a bulk publish: all of it is good, or none is published.</summary>
internal static class BulkRequest
{
    private const string Mismatch = "error: mismatch between contentType and event";
    private static readonly Dictionary<string, string> NoMetadata = [];

    public static ApiAnswer? TryRead(byte[] body, string appId, PublishTarget target, out List<BulkEntry> entries)
    {
        entries = [];
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            return PublishErrors.Unreadable(appId, target, "unexpected EOF");
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Array)
            {
                return PublishErrors.Unreadable(
                    appId, target, "json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry");
            }

            return ReadEntries(document.RootElement, appId, target, entries);
        }
    }

    private static ApiAnswer? ReadEntries(JsonElement array, string appId, PublishTarget target, List<BulkEntry> entries)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                return PublishErrors.Unreadable(appId, target, "json: cannot unmarshal into Go value of type http.bulkPublishMessageEntry");
            }

            var id = Text(item, "entryId");
            if (string.IsNullOrEmpty(id) || !ids.Add(id))
            {
                return PublishErrors.BadEntryId(appId, target);
            }

            var contentType = Text(item, "contentType") ?? "";
            try
            {
                entries.Add(new BulkEntry(id, ReadEvent(item, contentType), contentType, ReadMetadata(item)));
            }
            catch (EnvelopeException failure)
            {
                return PublishErrors.NoEnvelope(appId, target, failure.Message);
            }
        }

        return null;
    }

    // JSON is decoded and written anew on the way, so keys come out sorted and big integers damaged, as in the real runtime;
    // base64 of an octet-stream arrives exact.
    private static byte[] ReadEvent(JsonElement item, string contentType)
    {
        var present = item.TryGetProperty("event", out var data);
        if (CloudEventEnvelope.IsType(contentType, "application/json") || CloudEventEnvelope.IsType(contentType, "application/cloudevents+json"))
        {
            return present ? GoJson.Write(data) : "null"u8.ToArray();
        }

        if (!present || data.ValueKind != JsonValueKind.String)
        {
            throw new EnvelopeException(Mismatch);
        }

        if (!CloudEventEnvelope.IsType(contentType, "application/octet-stream"))
        {
            return Encoding.UTF8.GetBytes(data.GetString()!);
        }

        return data.TryGetBytesFromBase64(out var bytes)
            ? bytes
            : throw new EnvelopeException("error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 0");
    }

    private static Dictionary<string, string> ReadMetadata(JsonElement item)
    {
        if (!item.TryGetProperty("metadata", out var metadata) || metadata.ValueKind != JsonValueKind.Object)
        {
            return NoMetadata;
        }

        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var member in metadata.EnumerateObject())
        {
            read[member.Name] = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : member.Value.GetRawText();
        }

        return read;
    }

    private static string? Text(JsonElement item, string name) =>
        item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
