using System.Globalization;
using System.Text;
using System.Text.Json;
using Beamline.Sidecar.Http;

namespace Beamline.Sidecar.PubSub;

/// <summary>The data does not fit its content type, in Dapr's words.</summary>
internal sealed class EnvelopeException(string message) : Exception(message);

/// <summary>Wraps what is published in a CloudEvent, as Dapr does for everything but raw payloads.</summary>
internal sealed class CloudEventEnvelope(string appId, TimeProvider time)
{
    private static readonly string[] Overridable = ["id", "source", "type", "specversion", "subject", "datacontenttype", "dataschema", "time"];

    /// <exception cref="EnvelopeException">A CloudEvent was announced and is none.</exception>
    public byte[] Wrap(PublishTarget target, byte[] data, string? contentType, IReadOnlyDictionary<string, string> metadata, TraceContext trace)
    {
        var fields = IsType(contentType, "application/cloudevents+json") ? FromCloudEvent(data) : FromData(data, contentType, metadata);
        fields["pubsubname"] = target.PubSub;
        fields["topic"] = target.Topic;
        fields["traceid"] = fields["traceparent"] = trace.Parent;
        fields["tracestate"] = trace.State;
        fields.TryAdd("time", Rfc3339(time.GetUtcNow()));
        if (metadata.TryGetValue("ttlInSeconds", out var text)
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds > 0)
        {
            fields["expiration"] = Rfc3339(time.GetUtcNow().AddSeconds(seconds));
        }

        return GoJson.Write(fields);
    }

    /// <summary>The media type without its parameters, in any case.</summary>
    public static bool IsType(string? contentType, string type) =>
        contentType is not null && contentType.AsSpan().TrimStart().StartsWith(type, StringComparison.OrdinalIgnoreCase)
        && contentType.AsSpan().TrimStart()[type.Length..].TrimStart() is [] or [';', ..];

    private static string Rfc3339(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static Dictionary<string, object?> FromCloudEvent(byte[] data)
    {
        try
        {
            using var document = JsonDocument.Parse(data);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new EnvelopeException("json: cannot unmarshal into Go value of type map[string]interface {}");
            }

            var fields = new Dictionary<string, object?>(StringComparer.Ordinal);
            foreach (var member in document.RootElement.EnumerateObject())
            {
                fields[member.Name] = member.Value.Clone();
            }

            fields.TryAdd("id", Guid.NewGuid().ToString());
            fields.TryAdd("source", "Dapr");
            fields.TryAdd("specversion", "1.0");
            fields.TryAdd("type", "com.dapr.event.sent");
            return fields;
        }
        catch (JsonException)
        {
            throw new EnvelopeException("unexpected EOF");
        }
    }

    private Dictionary<string, object?> FromData(byte[] data, string? contentType, IReadOnlyDictionary<string, string> metadata)
    {
        var fields = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["id"] = Guid.NewGuid().ToString(),
            ["source"] = appId,
            ["specversion"] = "1.0",
            ["type"] = "com.dapr.event.sent",
            ["datacontenttype"] = string.IsNullOrEmpty(contentType) ? "text/plain" : contentType,
        };
        if (IsType(contentType, "application/octet-stream"))
        {
            fields["data_base64"] = Convert.ToBase64String(data);
        }
        else
        {
            fields["data"] = IsType(contentType, "application/json") && TryParse(data, out var json) ? json : Encoding.UTF8.GetString(data);
        }

        foreach (var name in Overridable)
        {
            if (metadata.TryGetValue("cloudevent." + name, out var value))
            {
                fields[name] = value;
            }
        }

        return fields;
    }

    private static bool TryParse(byte[] data, out JsonElement json)
    {
        try
        {
            using var document = JsonDocument.Parse(data);
            json = document.RootElement.Clone();
            return true;
        }
        catch (JsonException)
        {
            json = default;
            return false; // Published as a string.
        }
    }
}

internal readonly record struct PublishTarget(string PubSub, string Topic);

/// <summary>W3C trace context of a published event; empty without sampling.</summary>
internal readonly record struct TraceContext(string Parent, string State)
{
    public static readonly TraceContext None = new("", "");
}
