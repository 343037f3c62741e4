using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Beamline.Sidecar.State;

/// <summary>The request cannot be read: Dapr's ERR_MALFORMED_REQUEST.</summary>
internal sealed class MalformedRequestException(string message) : Exception(message);

/// <summary>The key holds the separator that is Dapr's own.</summary>
internal sealed class IllegalKeyException(string key) : Exception($"api error: code = InvalidArgument desc = input key/keyPrefix '{key}' can't contain '||'")
{
    public string Key { get; } = key;
}

/// <summary>Reads the bodies of the state API.</summary>
internal static class StateRequest
{
    private static readonly byte[] Null = "null"u8.ToArray();

    public static JsonDocument Parse(byte[] body)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            throw new MalformedRequestException("unexpected EOF");
        }
    }

    public static JsonElement.ArrayEnumerator Array(JsonElement element, string goType) => element.ValueKind == JsonValueKind.Array
        ? element.EnumerateArray()
        : throw new MalformedRequestException($"json: cannot unmarshal {GoKind(element)} into Go value of type {goType}");

    /// <summary>An item of a save, or the request of an operation.</summary>
    /// <exception cref="FormatException">The time to live is no number.</exception>
    public static StateWrite ReadWrite(JsonElement item, bool delete, Func<string, string> prefix, IReadOnlyDictionary<string, string> shared)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            throw new MalformedRequestException($"json: cannot unmarshal {GoKind(item)} into Go value of type state.SetRequest");
        }

        var key = Text(item, "key");
        if (string.IsNullOrEmpty(key))
        {
            throw new MalformedRequestException("\"key\" is a required field");
        }

        var firstWrite = item.TryGetProperty("options", out var options) && options.ValueKind == JsonValueKind.Object
            && Text(options, "concurrency") == "first-write";
        var etag = Text(item, "etag");
        var value = delete ? null : item.TryGetProperty("value", out var sent) ? JsonMarshal.GetRawUtf8Value(sent).ToArray() : Null;
        return new StateWrite(prefix(key), value, string.IsNullOrEmpty(etag) ? null : etag, firstWrite, TimeToLive(item, shared));
    }

    public static string? Text(JsonElement owner, string name)
    {
        if (!owner.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : throw new MalformedRequestException($"json: cannot unmarshal {GoKind(value)} into Go struct field {name} of type string");
    }

    // The query's metadata counts for every item that has none of its own.
    private static TimeSpan? TimeToLive(JsonElement item, IReadOnlyDictionary<string, string> shared)
    {
        var text = item.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object
            ? Text(metadata, "ttlInSeconds")
            : null;
        text ??= shared.GetValueOrDefault("ttlInSeconds");
        if (text is null)
        {
            return null;
        }

        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds))
        {
            throw new FormatException(
                $"error parsing TTL: incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: parsing \"{text}\": invalid syntax");
        }

        return seconds > 0 ? TimeSpan.FromSeconds(seconds) : null;
    }

    private static string GoKind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.Number => "number",
        _ => "bool",
    };
}
