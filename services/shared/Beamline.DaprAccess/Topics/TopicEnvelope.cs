using System.Text;
using System.Text.Json;

namespace Beamline.DaprAccess;

/// <summary>Reads what the sidecar posts to a subscription's route: a CloudEvent, a raw delivery, or a plain JSON object passed through.</summary>
internal static class TopicEnvelope
{
    // How deep a payload may be is its reader's question. Refused here, it would be delivered again for ever.
    private static readonly JsonReaderOptions AnyDepth = new() { MaxDepth = int.MaxValue };

    /// <exception cref="JsonException">The body is not a JSON object.</exception>
    /// <exception cref="FormatException"><c>data_base64</c> is not base64.</exception>
    public static TopicMessage Read(ReadOnlyMemory<byte> body, string? topicHeader, TopicSubscription subscription)
    {
        var fields = ReadFields(body);
        var data = fields switch
        {
            { DataBase64: { } decoded } => decoded,
            { Data: { } json } => DataOf(json, fields.ContentType),
            // Neither: somebody's own JSON object on a topic without rawPayload, which the sidecar hands on untouched.
            _ => body,
        };
        var own = ReadTrace(data.Span);
        return new TopicMessage
        {
            Data = data,
            Topic = NonEmpty(topicHeader) ?? NonEmpty(fields.Topic) ?? subscription.Topic,
            PubsubName = subscription.PubsubName,
            Id = NonEmpty(fields.Id),
            ContentType = fields.ContentType,
            // The payload's own context first: with sampling off Dapr drops the publisher's, and raw envelopes have none.
            TraceParent = own.Parent ?? NonEmpty(fields.TraceParent),
            TraceState = own.Parent is null ? NonEmpty(fields.TraceState) : own.State,
        };
    }

    private static Fields ReadFields(ReadOnlyMemory<byte> body)
    {
        var fields = new Fields();
        var reader = new Utf8JsonReader(body.Span, AnyDepth);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("a delivery is a JSON object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadField(ref reader, fields, body);
        }

        return fields;
    }

    private static void ReadField(ref Utf8JsonReader reader, Fields fields, ReadOnlyMemory<byte> body)
    {
        var name = reader.GetString();
        reader.Read();
        var start = (int)reader.TokenStartIndex;
        switch (name)
        {
            case "data_base64" when reader.TokenType == JsonTokenType.String:
                fields.DataBase64 = reader.GetBytesFromBase64();
                break;
            case "data":
                reader.Skip();
                fields.Data = body[start..(int)reader.BytesConsumed];
                break;
            case "id":
                fields.Id = Text(ref reader);
                break;
            case "topic":
                fields.Topic = Text(ref reader);
                break;
            case "datacontenttype":
                fields.ContentType = Text(ref reader);
                break;
            case "traceparent":
                fields.TraceParent = Text(ref reader);
                break;
            case "tracestate":
                fields.TraceState = Text(ref reader);
                break;
            default:
                reader.Skip();
                break;
        }
    }

    // Text that is not JSON rides in the envelope as a JSON string.
    private static ReadOnlyMemory<byte> DataOf(ReadOnlyMemory<byte> json, string? contentType)
    {
        if (json.Span[0] != (byte)'"' || contentType is null || contentType.Contains("json", StringComparison.OrdinalIgnoreCase))
        {
            return json;
        }

        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        return Encoding.UTF8.GetBytes(reader.GetString()!);
    }

    private static (string? Parent, string? State) ReadTrace(ReadOnlySpan<byte> data)
    {
        // Most foreign payloads have no such field; looking for the bytes first spares reading them twice.
        if (data.IndexOf("\"traceparent\""u8) < 0)
        {
            return default;
        }

        string? parent = null, state = null;
        try
        {
            var reader = new Utf8JsonReader(data, AnyDepth);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return default;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var (isParent, isState) = (reader.ValueTextEquals("traceparent"u8), reader.ValueTextEquals("tracestate"u8));
                reader.Read();
                if (isParent)
                {
                    parent = NonEmpty(Text(ref reader));
                }
                else if (isState)
                {
                    state = NonEmpty(Text(ref reader));
                }
                else
                {
                    reader.Skip();
                }
            }
        }
        catch (Exception notJson) when (notJson is JsonException or InvalidOperationException)
        {
            // Whether the payload is acceptable is the handler's question; here it only has no trace context.
        }

        return (parent, state);
    }

    private static string? Text(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString();
        }

        reader.Skip();
        return null;
    }

    private static string? NonEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private sealed class Fields
    {
        public byte[]? DataBase64 { get; set; }

        public ReadOnlyMemory<byte>? Data { get; set; }

        public string? Id { get; set; }

        public string? Topic { get; set; }

        public string? ContentType { get; set; }

        public string? TraceParent { get; set; }

        public string? TraceState { get; set; }
    }
}
