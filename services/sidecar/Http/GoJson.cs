using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Beamline.Sidecar.Http;

/// <summary>
/// Writes JSON as Dapr's runtime does (Go's encoding/json): keys sorted by bytes, <c>&lt; &gt; &amp;</c> escaped, everything else
/// beyond ASCII as it is, numbers as 64-bit floats, so that integers above 2^53 lose digits.
/// </summary>
internal static class GoJson
{
    public static byte[] Write(IReadOnlyDictionary<string, object?> map)
    {
        var output = new ArrayBufferWriter<byte>(512);
        WriteMap(output, map);
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Write(JsonElement element)
    {
        var output = new ArrayBufferWriter<byte>(512);
        WriteElement(output, element);
        return output.WrittenSpan.ToArray();
    }

    public static void WriteString(IBufferWriter<byte> output, ReadOnlySpan<char> text)
    {
        output.Write("\""u8);
        while (!text.IsEmpty)
        {
            var plain = text.IndexOfAny(Escaped);
            if (plain < 0)
            {
                plain = text.Length;
            }

            Encoding.UTF8.GetBytes(text[..plain], output);
            text = text[plain..];
            if (!text.IsEmpty)
            {
                WriteEscape(output, text[0]);
                text = text[1..];
            }
        }

        output.Write("\""u8);
    }

    private static readonly SearchValues<char> Escaped = SearchValues.Create(
        "\"\\<>&\u2028\u2029" + string.Concat(Enumerable.Range(0, 32).Select(code => (char)code)));

    private static void WriteEscape(IBufferWriter<byte> output, char character)
    {
        var text = character switch
        {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\b' => "\\b",
            '\f' => "\\f",
            _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
        };
        Encoding.UTF8.GetBytes(text, output);
    }

    private static void WriteMap(IBufferWriter<byte> output, IReadOnlyDictionary<string, object?> map)
    {
        output.Write("{"u8);
        var first = true;
        foreach (var key in map.Keys.Order(StringComparer.Ordinal))
        {
            WriteKey(output, key, ref first);
            WriteValue(output, map[key]);
        }

        output.Write("}"u8);
    }

    private static void WriteValue(IBufferWriter<byte> output, object? value)
    {
        switch (value)
        {
            case null:
                output.Write("null"u8);
                break;
            case string text:
                WriteString(output, text);
                break;
            case bool flag:
                output.Write(flag ? "true"u8 : "false"u8);
                break;
            case int number:
                Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture), output);
                break;
            case JsonElement element:
                WriteElement(output, element);
                break;
            case IReadOnlyDictionary<string, object?> map:
                WriteMap(output, map);
                break;
            case IReadOnlyDictionary<string, string> texts:
                WriteMap(output, texts.ToDictionary(pair => pair.Key, pair => (object?)pair.Value));
                break;
            case IEnumerable<object?> items:
                WriteArray(output, items);
                break;
            default:
                throw new ArgumentException($"No JSON form for {value.GetType()}.", nameof(value));
        }
    }

    private static void WriteArray(IBufferWriter<byte> output, IEnumerable<object?> items)
    {
        output.Write("["u8);
        var first = true;
        foreach (var item in items)
        {
            output.Write(first ? ""u8 : ","u8);
            first = false;
            WriteValue(output, item);
        }

        output.Write("]"u8);
    }

    private static void WriteElement(IBufferWriter<byte> output, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                output.Write("{"u8);
                var first = true;
                // Of a doubled key the last counts, as in Go.
                var members = new SortedDictionary<string, JsonElement>(StringComparer.Ordinal);
                foreach (var member in element.EnumerateObject())
                {
                    members[member.Name] = member.Value;
                }

                foreach (var (name, value) in members)
                {
                    WriteKey(output, name, ref first);
                    WriteElement(output, value);
                }

                output.Write("}"u8);
                break;
            case JsonValueKind.Array:
                WriteArray(output, element.EnumerateArray().Select(item => (object?)item));
                break;
            case JsonValueKind.String:
                WriteString(output, element.GetString());
                break;
            case JsonValueKind.Number:
                Encoding.UTF8.GetBytes(FormatNumber(element), output);
                break;
            default:
                Encoding.UTF8.GetBytes(element.GetRawText(), output);
                break;
        }
    }

    private static void WriteKey(IBufferWriter<byte> output, string key, ref bool first)
    {
        output.Write(first ? ""u8 : ","u8);
        first = false;
        WriteString(output, key);
        output.Write(":"u8);
    }

    /// <summary>The shortest digits that give the float back; plain from 1e-6 up to 1e21, with an exponent beyond.</summary>
    private static string FormatNumber(JsonElement element)
    {
        const long exactlyHeld = 1L << 53;
        if (element.TryGetInt64(out var integer) && integer is > -exactlyHeld and < exactlyHeld)
        {
            return integer.ToString(CultureInfo.InvariantCulture);
        }

        var number = element.GetDouble();
        var size = Math.Abs(number);
        if (!double.IsFinite(number))
        {
            return element.GetRawText();
        }

        if (size is 0 or (>= 1e-6 and < 1e21))
        {
            // The decimal picture keeps the shortest digits of "R" and pads with zeros, as Go's 'f' form does.
            return Spread(number.ToString("R", CultureInfo.InvariantCulture));
        }

        var text = number.ToString("R", CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal);
        return text.Replace("e-0", "e-", StringComparison.Ordinal);
    }

    private static string Spread(string shortest)
    {
        var mark = shortest.IndexOf('E', StringComparison.Ordinal);
        if (mark < 0)
        {
            return shortest;
        }

        var sign = shortest[0] == '-' ? "-" : "";
        var mantissa = shortest[sign.Length..mark];
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        var places = (point < 0 ? mantissa.Length : point) + int.Parse(shortest[(mark + 1)..], CultureInfo.InvariantCulture);
        return places switch
        {
            <= 0 => $"{sign}0.{new string('0', -places)}{digits}",
            _ when places >= digits.Length => sign + digits.PadRight(places, '0'),
            _ => $"{sign}{digits[..places]}.{digits[places..]}",
        };
    }
}
