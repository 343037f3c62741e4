using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Beamline.Contracts.Json;

/// <summary>
/// JSON in one form: keys sorted (by UTF-16 code unit), no whitespace, strings with the fewest escapes.
/// As RFC 8785, except that numbers stay as written: that RFC reads them as doubles, which damages integers above 2^53.
/// </summary>
public static class CanonicalJson
{
    private const byte Quote = (byte)'"';
    private const byte Backslash = (byte)'\\';

    /// <summary>Writes the member's value, or nothing but a separator when it is missing.</summary>
    internal static void WriteMember(JsonElement parent, string name, ArrayBufferWriter<byte> to)
    {
        if (parent.TryGetProperty(name, out var value))
        {
            Write(value, to);
        }

        to.Write("\n"u8);
    }

    public static void Write(JsonElement value, IBufferWriter<byte> to)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(value, to);
                break;
            case JsonValueKind.Array:
                WriteArray(value, to);
                break;
            case JsonValueKind.String:
                WriteString(value, to);
                break;
            default:
                to.Write(JsonMarshal.GetRawUtf8Value(value));
                break;
        }
    }

    private static void WriteObject(JsonElement value, IBufferWriter<byte> to)
    {
        var count = value.GetPropertyCount();
        var members = ArrayPool<(string Name, JsonElement Value)>.Shared.Rent(count);
        var next = 0;
        foreach (var member in value.EnumerateObject())
        {
            members[next++] = (member.Name, member.Value);
        }

        members.AsSpan(0, count).Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        to.Write("{"u8);
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
            {
                to.Write(","u8);
            }

            WriteEscaped(members[i].Name, to);
            to.Write(":"u8);
            Write(members[i].Value, to);
        }

        to.Write("}"u8);
        ArrayPool<(string, JsonElement)>.Shared.Return(members, clearArray: true);
    }

    private static void WriteArray(JsonElement value, IBufferWriter<byte> to)
    {
        to.Write("["u8);
        var first = true;
        foreach (var item in value.EnumerateArray())
        {
            if (!first)
            {
                to.Write(","u8);
            }

            first = false;
            Write(item, to);
        }

        to.Write("]"u8);
    }

    // A string without a backslash has the fewest escapes already: most are copied as they are.
    private static void WriteString(JsonElement value, IBufferWriter<byte> to)
    {
        var raw = JsonMarshal.GetRawUtf8Value(value);
        if (raw.Contains(Backslash))
        {
            WriteEscaped(value.GetString()!, to);
        }
        else
        {
            to.Write(raw);
        }
    }

    private static void WriteEscaped(string text, IBufferWriter<byte> to)
    {
        // The longest escape, \u00xx, takes six bytes for one char; any other char takes at most three.
        var span = to.GetSpan((text.Length * 6) + 2);
        var length = 0;
        span[length++] = Quote;
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var plain = LengthOfPlain(rest);
            length += Encoding.UTF8.GetBytes(rest[..plain], span[length..]);
            rest = rest[plain..];
            if (!rest.IsEmpty)
            {
                length += Escape(rest[0], span[length..]);
                rest = rest[1..];
            }
        }

        span[length++] = Quote;
        to.Advance(length);
    }

    private static int LengthOfPlain(ReadOnlySpan<char> text)
    {
        var at = text.IndexOfAny(Escaped);
        return at < 0 ? text.Length : at;
    }

    private static int Escape(char c, Span<byte> to)
    {
        if (c is '"' or '\\')
        {
            to[0] = Backslash;
            to[1] = (byte)c;
            return 2;
        }

        "\\u00"u8.CopyTo(to);
        to[4] = Hex(c >> 4);
        to[5] = Hex(c & 15);
        return 6;
    }

    private static byte Hex(int digit) => (byte)(digit < 10 ? '0' + digit : 'a' + digit - 10);

    private static readonly SearchValues<char> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(i => (char)i), '"', '\\']);
}
