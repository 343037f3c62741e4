using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;

namespace Beamline.Scheduler.Identity;

/// <summary>
/// The value of an identity key. The result is kept as text inside a JSON string: state stores parse values and write them
/// anew (members sorted, large integers damaged), and a result is always the same bytes.
/// </summary>
internal sealed record StoredKey
{
    // The text of a result is full of quotes: two bytes each this way, six with the encoder meant for web pages.
    private static readonly IdentityJson Json = new(new JsonSerializerOptions(IdentityJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public required string AssignmentId { get; init; }

    /// <summary>SHA-256, hexadecimal.</summary>
    public required string BodyHash { get; init; }

    /// <summary>One of <see cref="TaskStates"/>.</summary>
    public required string Status { get; init; }
    public string? Result { get; init; }

    /// <summary>The key under which a large result lies.</summary>
    public string? ResultKey { get; init; }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Json.StoredKey);

    /// <summary>Null for a value that is not one of ours.</summary>
    public static StoredKey? Read(ReadOnlyMemory<byte> value)
    {
        try
        {
            var read = JsonSerializer.Deserialize(value.Span, Json.StoredKey);
            return read?.BodyHash is { } hash && hash.Length % 2 == 0 && hash.All(char.IsAsciiHexDigit) ? read : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public IdentityAnswer ToAnswer(RawJson? result) => new(IdentityKnowledge.Known)
    {
        AssignmentId = AssignmentId,
        BodyHash = Convert.FromHexString(BodyHash),
        Status = Status,
        Result = result,
    };

    /// <summary>The same bytes as with the text of <paramref name="result"/> in <see cref="Result"/>, which need not be made then.</summary>
    public byte[] ToJson(RawJson result)
    {
        // 1.25: a result's quotes are escaped.
        var buffer = new ArrayBufferWriter<byte>(256 + (result.Length * 5 / 4));
        using var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        writer.WriteStartObject();
        writer.WriteString("assignment_id"u8, AssignmentId);
        writer.WriteString("body_hash"u8, BodyHash);
        writer.WriteString("status"u8, Status);
        writer.WriteString("result"u8, result.Utf8.Span);
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    public static byte[] ResultToJson(RawJson result) => JsonSerializer.SerializeToUtf8Bytes(Encoding.UTF8.GetString(result.Utf8.Span), Json.String);

    public static RawJson? ReadResult(ReadOnlyMemory<byte> value)
    {
        try
        {
            return JsonSerializer.Deserialize(value.Span, Json.String) is { } text ? RawJson.FromString(text) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StoredKey))]
[JsonSerializable(typeof(string))]
internal sealed partial class IdentityJson : JsonSerializerContext;
