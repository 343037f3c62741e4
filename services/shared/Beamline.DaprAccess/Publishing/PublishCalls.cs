using System.Buffers;
using System.Text.Json;

namespace Beamline.DaprAccess;

internal sealed class PublishCalls(SidecarConnection sidecar)
{
    private const string Json = "application/json";
    private static readonly BulkPublishResponse AllTaken = new([]);

    public async Task PublishAsync(string pubsub, string topic, ReadOnlyMemory<byte> data, string contentType, bool raw, CancellationToken ct)
    {
        var answer = await sidecar.CallAsync(
            new SidecarRequest($"publish to {topic} on {pubsub}", HttpMethod.Post, DaprRoutes.Publish(pubsub, topic, raw)) { Body = data, ContentType = contentType },
            ct).ConfigureAwait(false);
        answer.EnsureSuccess();
    }

    public async Task<BulkPublishResponse> BulkPublishAsync(string pubsub, string topic, IReadOnlyList<BulkPublishEntry> entries, bool raw, CancellationToken ct)
    {
        if (entries.Count == 0)
        {
            return AllTaken;
        }

        var answer = await sidecar.CallAsync(
            new SidecarRequest($"publish {entries.Count} messages to {topic} on {pubsub}", HttpMethod.Post, DaprRoutes.BulkPublish(pubsub, topic, raw)) { Body = Body(entries, raw) },
            ct).ConfigureAwait(false);
        if (answer.IsSuccess)
        {
            return AllTaken;
        }

        // A partial failure names its entries; any other error concerns the whole bulk.
        return FailedEntries(answer.Body) is { Count: > 0 } failed ? new BulkPublishResponse(failed) : throw answer.Failure();
    }

    private static ReadOnlyMemory<byte> Body(IReadOnlyList<BulkPublishEntry> entries, bool raw)
    {
        // 96 covers what surrounds the bytes of an entry, so that the buffer rarely grows.
        var estimate = entries.Sum(entry => 96L + entry.EntryId.Length + ((entry.Data.Length + 2L) / 3 * 4));
        if (estimate > 2L * SidecarConnection.MaxRequestBytes)
        {
            throw new ArgumentException($"the bulk needs about {estimate} bytes, and Dapr takes {SidecarConnection.MaxRequestBytes} in one request", nameof(entries));
        }

        var buffer = new ArrayBufferWriter<byte>((int)estimate);
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartArray();
        foreach (var entry in entries)
        {
            writer.WriteStartObject();
            writer.WriteString("entryId"u8, entry.EntryId);
            WriteEvent(writer, entry, raw);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.Flush();
        return buffer.WrittenMemory;
    }

    // Dapr decodes JSON entries and writes them anew (keys sorted, integers above 2^53 damaged): only base64 stays exact.
    // In a CloudEvent the data must stay JSON for the receiver, so there it goes as it is.
    private static void WriteEvent(Utf8JsonWriter writer, BulkPublishEntry entry, bool raw)
    {
        if (!raw && entry.ContentType == Json)
        {
            writer.WritePropertyName("event"u8);
            writer.WriteRawValue(entry.Data.Span);
            writer.WriteString("contentType"u8, Json);
            return;
        }

        writer.WriteBase64String("event"u8, entry.Data.Span);
        writer.WriteString("contentType"u8, "application/octet-stream"u8);
    }

    private static IReadOnlyList<BulkPublishResponseFailedEntry>? FailedEntries(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, DaprJson.Default.BulkPublishAnswerWire)?.FailedEntries;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
