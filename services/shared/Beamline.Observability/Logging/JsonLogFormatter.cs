using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Serilog.Events;
using Serilog.Parsing;

namespace Beamline.Observability;

/// <summary>
/// Writes an event as the one-line JSON object that the wire contract fixes. Placeholders become snake_case names in
/// <c>fields</c>; those that correlate (TenantId, RunId …) stand at the top. What is not known is left out.
/// </summary>
internal sealed class JsonLogFormatter(string component)
{
    private const int MaxTextLength = 16 * 1024;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private static readonly string[] TopLevel = ["TraceId", "TenantId", "RunId", "FlowId", "StepId", "WorkerId"];

    // Of the server's and the tracer's own scopes: they repeat what trace_id and the metrics say.
    private static readonly FrozenSet<string> LeftOut =
        FrozenSet.ToFrozenSet(["ConnectionId", "ParentId", "SpanId", "EventId", "RequestId", "Scope", .. TopLevel], StringComparer.Ordinal);

    public void Format(LogEvent logEvent, IBufferWriter<byte> output)
    {
        using (var json = new Utf8JsonWriter(output, Options))
        {
            json.WriteStartObject();
            json.WriteString("timestamp"u8, logEvent.Timestamp.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            json.WriteString("level"u8, Level(logEvent.Level));
            json.WriteString("component"u8, component);
            json.WriteString("message"u8, Clean(Message(logEvent)));
            WriteFields(json, logEvent);
            WriteCorrelation(json, logEvent);
            json.WriteEndObject();
        }

        output.Write("\n"u8);
    }

    private static void WriteFields(Utf8JsonWriter json, LogEvent logEvent)
    {
        json.WriteStartObject("fields"u8);
        foreach (var (name, value) in logEvent.Properties)
        {
            if (LeftOut.Contains(name))
            {
                continue;
            }

            json.WritePropertyName(name == "SourceContext" ? "logger" : SnakeCase(name));
            if (Redaction.IsSecretName(name))
            {
                json.WriteStringValue(Redaction.Mark);
            }
            else
            {
                WriteValue(json, value);
            }
        }

        if (logEvent.Exception is { } exception)
        {
            json.WriteStartObject("error"u8);
            json.WriteString("type"u8, exception.GetType().FullName);
            json.WriteString("message"u8, Clean(exception.Message));
            json.WriteString("stack"u8, Clean(exception.ToString()));
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteCorrelation(Utf8JsonWriter json, LogEvent logEvent)
    {
        foreach (var name in TopLevel)
        {
            if (logEvent.Properties.GetValueOrDefault(name) is ScalarValue { Value: { } value })
            {
                json.WriteString(SnakeCase(name), Clean(Convert.ToString(value, CultureInfo.InvariantCulture)!));
            }
            else if (name == "TraceId" && logEvent.TraceId is { } traceId)
            {
                json.WriteString("trace_id"u8, traceId.ToHexString());
            }
        }
    }

    private static void WriteValue(Utf8JsonWriter json, LogEventPropertyValue value)
    {
        switch (value)
        {
            case ScalarValue scalar:
                WriteScalar(json, scalar.Value);
                break;
            case SequenceValue sequence:
                json.WriteStartArray();
                foreach (var element in sequence.Elements)
                {
                    WriteValue(json, element);
                }

                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(Clean(value.ToString(null, CultureInfo.InvariantCulture)));
                break;
        }
    }

    private static void WriteScalar(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int or long or short or byte or sbyte or ushort or uint:
                json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case decimal number:
                json.WriteNumberValue(number);
                break;
            default:
                json.WriteStringValue(Clean(Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""));
                break;
        }
    }

    // Serilog's own rendering puts strings in quotation marks, which are then escaped: unreadable.
    private static string Message(LogEvent logEvent)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        foreach (var token in logEvent.MessageTemplate.Tokens)
        {
            if (token is not PropertyToken property || !logEvent.Properties.TryGetValue(property.PropertyName, out var value))
            {
                text.Write(token is TextToken literal ? literal.Text : token.ToString());
            }
            else if (Redaction.IsSecretName(property.PropertyName))
            {
                text.Write(Redaction.Mark);
            }
            else if (value is ScalarValue { Value: string literal })
            {
                text.Write(literal);
            }
            else
            {
                value.Render(text, property.Format, CultureInfo.InvariantCulture);
            }
        }

        return text.ToString();
    }

    private static string Clean(string text) =>
        Redaction.Text(text.Length <= MaxTextLength ? text : string.Concat(text.AsSpan(0, MaxTextLength), "…"));

    private static string Level(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose or LogEventLevel.Debug => "DEBUG",
        LogEventLevel.Information => "INFO",
        LogEventLevel.Warning => "WARN",
        _ => "ERROR",
    };

    private static string SnakeCase(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
