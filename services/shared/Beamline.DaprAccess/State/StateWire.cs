using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Beamline.DaprAccess;

/// <summary>The bodies of the state API. Values are passed through as the bytes they are, never parsed into objects and back.</summary>
internal static class StateWire
{
    // What surrounds a key and its value, so that the buffer, large for a batch, rarely grows.
    private const int Around = 192;

    public static ReadOnlyMemory<byte> Save(IReadOnlyList<SaveStateItem> items) => Write(items.Sum(item => Around + item.Key.Length + item.Value.Length), writer =>
    {
        writer.WriteStartArray();
        foreach (var item in items)
        {
            WriteItem(writer, item.Key, item.Value, item.ETag, item.Concurrency, item.TtlInSeconds);
        }

        writer.WriteEndArray();
    });

    public static ReadOnlyMemory<byte> Keys(IReadOnlyList<string> keys) => Write(keys.Sum(key => 8 + key.Length), writer =>
    {
        writer.WriteStartObject();
        writer.WriteStartArray("keys"u8);
        foreach (var key in keys)
        {
            writer.WriteStringValue(key);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    });

    public static ReadOnlyMemory<byte> Transaction(IReadOnlyList<StateTransactionRequest> operations) => Write(operations.Sum(item => Around + item.Key.Length + item.Value.Length), writer =>
    {
        writer.WriteStartObject();
        writer.WriteStartArray("operations"u8);
        foreach (var operation in operations)
        {
            var isDelete = operation.OperationType == StateOperationType.Delete;
            writer.WriteStartObject();
            writer.WriteString("operation"u8, isDelete ? "delete"u8 : "upsert"u8);
            writer.WritePropertyName("request"u8);
            // Not a bare null, which would become empty memory by way of an array.
            WriteItem(writer, operation.Key, isDelete ? default(ReadOnlyMemory<byte>?) : operation.Value, operation.ETag, operation.Concurrency, operation.TtlInSeconds);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    });

    /// <summary>Reads <c>[{"key","data","etag","error"}]</c>; each value is a slice of <paramref name="body"/>.</summary>
    /// <exception cref="JsonException">The answer is not of that form.</exception>
    public static List<BulkStateItem> ReadBulk(ReadOnlyMemory<byte> body)
    {
        var items = new List<BulkStateItem>();
        var reader = new Utf8JsonReader(body.Span);
        Expect(ref reader, JsonTokenType.StartArray);
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            items.Add(ReadItem(ref reader, body));
        }

        return items;
    }

    private static BulkStateItem ReadItem(ref Utf8JsonReader reader, ReadOnlyMemory<byte> body)
    {
        string? key = null, etag = null, error = null;
        ReadOnlyMemory<byte>? data = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "key":
                    key = reader.GetString();
                    break;
                case "etag":
                    etag = reader.GetString();
                    break;
                case "error":
                    error = reader.GetString();
                    break;
                case "data":
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    data = body[start..(int)reader.BytesConsumed];
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return new BulkStateItem(key ?? throw new JsonException("an item without a key"), data, etag, string.IsNullOrEmpty(error) ? null : error);
    }

    private static void WriteItem(
        Utf8JsonWriter writer, string key, ReadOnlyMemory<byte>? value, string? etag, ConcurrencyMode? concurrency, int? ttlInSeconds)
    {
        writer.WriteStartObject();
        writer.WriteString("key"u8, key);
        if (value is { } json)
        {
            writer.WritePropertyName("value"u8);
            writer.WriteRawValue(json.Span);
        }

        if (etag is not null)
        {
            writer.WriteString("etag"u8, etag);
        }

        if (concurrency is { } mode)
        {
            writer.WriteStartObject("options"u8);
            writer.WriteString("concurrency"u8, mode == ConcurrencyMode.FirstWrite ? "first-write"u8 : "last-write"u8);
            writer.WriteEndObject();
        }

        if (ttlInSeconds is { } ttl)
        {
            // Dapr's metadata are strings, numbers included.
            writer.WriteStartObject("metadata"u8);
            writer.WriteString("ttlInSeconds"u8, ttl.ToString(CultureInfo.InvariantCulture));
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static ReadOnlyMemory<byte> Write(int estimate, Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>(64 + estimate);
        using var writer = new Utf8JsonWriter(buffer);
        content(writer);
        writer.Flush();
        return buffer.WrittenMemory;
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token)
    {
        if (!reader.Read() || reader.TokenType != token)
        {
            throw new JsonException($"expected {token}");
        }
    }
}
