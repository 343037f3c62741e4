using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Beamline.Contracts.Json;

/// <summary>
/// One JSON value as its exact UTF-8 bytes: embedded in a message as it is, and read back byte for byte.
/// Whoever makes one vouches that the bytes are valid JSON; nothing checks them again on writing.
/// </summary>
[JsonConverter(typeof(RawJsonConverter))]
public readonly record struct RawJson(ReadOnlyMemory<byte> Utf8)
{
    public bool IsEmpty => Utf8.IsEmpty;

    public int Length => Utf8.Length;

    /// <summary>The exact bytes of a parsed element.</summary>
    public static RawJson From(JsonElement element) => new(JsonMarshal.GetRawUtf8Value(element).ToArray());

    public static RawJson FromString(string json) => new(Encoding.UTF8.GetBytes(json));

    public static RawJson From<T>(T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        new(JsonSerializer.SerializeToUtf8Bytes(value, type));

    /// <summary>Parses the bytes. The document owns nothing pooled beyond what disposing it returns.</summary>
    public JsonDocument Parse() => JsonDocument.Parse(Utf8, new JsonDocumentOptions { MaxDepth = WireLimits.MaxJsonDepth });

    /// <summary>
    /// The same value without line breaks, for NDJSON and server-sent events; itself where it has none. Inside a string a line
    /// break is always escaped, so the ones in the bytes are blanks between tokens.
    /// </summary>
    public RawJson OnOneLine()
    {
        if (!Utf8.Span.ContainsAny((byte)'\n', (byte)'\r'))
        {
            return this;
        }

        var copy = Utf8.ToArray();
        copy.AsSpan().Replace((byte)'\n', (byte)' ');
        copy.AsSpan().Replace((byte)'\r', (byte)' ');
        return new RawJson(copy);
    }

    public bool Equals(RawJson other) => Utf8.Span.SequenceEqual(other.Utf8.Span);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Utf8.Span);
        return hash.ToHashCode();
    }

    public override string ToString() => Encoding.UTF8.GetString(Utf8.Span);
}

/// <summary>Public for the JSON contexts of the services, whose messages embed <see cref="RawJson"/>.</summary>
public sealed class RawJsonConverter : JsonConverter<RawJson>
{
    // JSON null is a value like any other here: it comes back as the four bytes `null`.
    public override bool HandleNull => true;

    public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        // A reader over one span (it has no position in a sequence) holds the whole value in one piece behind its first token:
        // stepping over it and copying once is several times faster than parsing it into a document.
        if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.Position.GetObject() is null)
        {
            var start = reader.TokenStartIndex;
            ref var first = ref MemoryMarshal.GetReference(reader.ValueSpan);
            if (!reader.TrySkip())
            {
                throw new JsonException("The value is cut off.");
            }

            return new RawJson(MemoryMarshal.CreateReadOnlySpan(ref first, (int)(reader.BytesConsumed - start)).ToArray());
        }

        using var document = JsonDocument.ParseValue(ref reader);
        return RawJson.From(document.RootElement);
    }

    public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options)
    {
        if (value.IsEmpty)
        {
            writer.WriteNullValue();
            return;
        }

        writer.WriteRawValue(value.Utf8.Span, skipInputValidation: true);
    }
}
