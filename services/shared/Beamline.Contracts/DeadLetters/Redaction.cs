using System.Buffers;
using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.DeadLetters;

/// <summary>
/// Takes the secrets out of an assignment before it goes to the bus, a log or an operator's screen: credentials in headers,
/// values whose key names a secret, passwords inside connection strings and URLs.
/// <c>{{secret:name}}</c> references say where a secret lies, not what it is: they stay.
/// </summary>
public static partial class Redaction
{
    public const string Mark = "[redacted]";

    // Compared in lower case without '-', '_' and spaces: X-Api-Key, x_api_key and xApiKey are one.
    private static readonly FrozenSet<string> SecretNames = FrozenSet.Create(
        StringComparer.Ordinal,
        "authorization", "proxyauthorization", "cookie", "setcookie", "apikey", "xapikey", "xauthtoken", "xaccesstoken",
        "xcsrftoken", "xamzsecuritytoken", "ocpapimsubscriptionkey", "xfunctionskey", "password", "passwd", "pwd", "passphrase", "secret", "clientsecret", "token",
        "accesstoken", "refreshtoken", "idtoken", "authtoken", "privatekey", "secretkey", "accesskey", "credential", "credentials");

    private static readonly FrozenSet<string> ConnectionNames = FrozenSet.Create(
        StringComparer.Ordinal, "connectionstring", "connection", "dsn");

    /// <summary>A copy without secrets; everything else keeps its value, numbers to the digit. The bytes must be valid JSON.</summary>
    public static RawJson Redact(RawJson json)
    {
        using var document = json.Parse();
        var buffer = new ArrayBufferWriter<byte>(json.Length + 64);
        using var writer = new Utf8JsonWriter(buffer);
        Write(document.RootElement, writer);
        writer.Flush();
        return new RawJson(buffer.WrittenMemory);
    }

    private static void Write(JsonElement value, Utf8JsonWriter writer)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(value, writer);
                break;
            case JsonValueKind.Array:
                WriteArray(value, writer);
                break;
            case JsonValueKind.String:
                WriteString(value, writer, UrlPasswordOrAssignment());
                break;
            default:
                writer.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);
                break;
        }
    }

    private static void WriteObject(JsonElement value, Utf8JsonWriter writer)
    {
        // {"name": "Authorization", "value": …}: the name of a header as data.
        var pair = NameInPair(value) is { } header && IsSecret(header);
        writer.WriteStartObject();
        foreach (var member in value.EnumerateObject())
        {
            writer.WritePropertyName(member.Name);
            if (IsSecret(member.Name) || (pair && member.NameEquals("value"u8)))
            {
                Mask(member.Value, writer);
            }
            else if (member.Value.ValueKind == JsonValueKind.String && ConnectionNames.Contains(Plain(member.Name)))
            {
                WriteString(member.Value, writer, ConnectionPassword());
            }
            else
            {
                Write(member.Value, writer);
            }
        }

        writer.WriteEndObject();
    }

    private static void WriteArray(JsonElement value, Utf8JsonWriter writer)
    {
        // ["Authorization", "Bearer …"]: a header as a pair.
        var pair = value.GetArrayLength() == 2 && value[0].ValueKind == JsonValueKind.String && IsSecret(value[0].GetString()!);
        writer.WriteStartArray();
        var first = true;
        foreach (var item in value.EnumerateArray())
        {
            if (pair && !first)
            {
                Mask(item, writer);
            }
            else
            {
                Write(item, writer);
            }

            first = false;
        }

        writer.WriteEndArray();
    }

    /// <summary>Masks every string and number below; the shape stays.</summary>
    private static void Mask(JsonElement value, Utf8JsonWriter writer)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Mask(item, writer);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in value.EnumerateObject())
                {
                    writer.WritePropertyName(member.Name);
                    Mask(member.Value, writer);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(MaskText(value.GetString()!));
                break;
            case JsonValueKind.Null:
                writer.WriteNullValue();
                break;
            default:
                writer.WriteStringValue(Mark);
                break;
        }
    }

    // "Bearer {{secret:x}}" holds no secret; what stands around a reference otherwise might.
    private static string MaskText(string text)
    {
        var references = Reference().Matches(text);
        if (references.Count == 0)
        {
            return Mark;
        }

        return SchemeAlone().IsMatch(Reference().Replace(text, ""))
            ? text
            : $"{Mark} {string.Join(' ', references.Select(reference => reference.Value))}";
    }

    private static void WriteString(JsonElement value, Utf8JsonWriter writer, Regex secret)
    {
        var text = value.GetString()!;
        if (text is ['{' or '[', ..] && StrictJson.TryParse(Encoding.UTF8.GetBytes(text), out var inner) is null)
        {
            // A body that is JSON itself. Each level of such nesting is shorter than the one around it.
            writer.WriteStringValue(Redact(RawJson.From(inner)).Utf8.Span);
            return;
        }

        writer.WriteStringValue(text.Contains('=') || text.Contains('@') || text.Contains(':')
            ? secret.Replace(text, MaskMatch)
            : text);
    }

    private static string MaskMatch(Match match)
    {
        var kept = match.Groups["kept"].Value;
        var masked = match.Value[kept.Length..];
        return kept + (Reference().Replace(masked, "").Length == 0 ? masked : Mark);
    }

    private static string? NameInPair(JsonElement value) =>
        value.TryGetProperty("name"u8, out var name) && name.ValueKind == JsonValueKind.String && value.TryGetProperty("value"u8, out _)
            ? name.GetString()
            : null;

    private static bool IsSecret(string name) => SecretNames.Contains(Plain(name));

    private static string Plain(string name) =>
        name.Length > 64 ? "" : string.Concat(name.Where(c => c is not ('-' or '_' or ' '))).ToLowerInvariant();

    [GeneratedRegex(@"\{\{secret:[^{}]*\}\}")]
    private static partial Regex Reference();

    [GeneratedRegex(@"^\s*(Bearer|Basic|Token|ApiKey|Digest)?\s*$", RegexOptions.IgnoreCase)]
    private static partial Regex SchemeAlone();

    /// <summary>In a connection string a password runs to the next semicolon, or is quoted; in a URL form to the @.</summary>
    [GeneratedRegex("""(?<kept>\b(password|pwd|accountkey|sharedaccesskey|secret|token)\s*=\s*)("[^"]*"|'[^']*'|[^;]*)|(?<kept>://[^/\s:@]*:)[^@/\s]+(?=@)""", RegexOptions.IgnoreCase)]
    private static partial Regex ConnectionPassword();

    /// <summary>In any other text: user:password@ of a URL, an Authorization line, and password=… up to the next separator.</summary>
    [GeneratedRegex("""(?<kept>\b(password|pwd|api_key|apikey|client_secret|access_token|refresh_token)\s*=\s*)[^;&\s"']+|(?<kept>://[^/\s:@]*:)[^@/\s]+(?=@)|(?<kept>^\s*(proxy-)?(authorization|cookie|x-api-key)\s*:\s*).+""", RegexOptions.IgnoreCase)]
    private static partial Regex UrlPasswordOrAssignment();
}
