using System.Text.Json;
using System.Text.Unicode;

namespace Beamline.Contracts.Json;

/// <summary>
/// JSON from a stranger: all of it UTF-8, no half of a surrogate pair in an escape, no duplicate key at any level.
/// The plain parser looks at a string's bytes only when it is read, and would fail much later.
/// </summary>
public static class StrictJson
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = WireLimits.MaxJsonDepth, AllowDuplicateProperties = false };

    /// <summary>Null when the bytes were parsed, else what is wrong with them. The element keeps nothing of the buffer.</summary>
    public static string? TryParse(ReadOnlySpan<byte> utf8, out JsonElement root) => TryParse(utf8, Options, out root);

    internal static string? TryParse(ReadOnlySpan<byte> utf8, JsonDocumentOptions options, out JsonElement root)
    {
        root = default;
        if (!Utf8.IsValid(utf8))
        {
            return "The bytes are not UTF-8.";
        }

        if (HasLoneSurrogate(utf8))
        {
            return "A string holds half of a surrogate pair.";
        }

        try
        {
            root = JsonElement.Parse(utf8, options);
            return null;
        }
        catch (JsonException fault)
        {
            return "This is not valid JSON: " + fault.Message;
        }
    }

    // Backslashes occur in strings alone, so the raw bytes tell; where the JSON is broken the parser says so afterwards.
    private static bool HasLoneSurrogate(ReadOnlySpan<byte> utf8)
    {
        while (utf8.IndexOf((byte)'\\') is >= 0 and var at && at + 1 < utf8.Length)
        {
            utf8 = utf8[at..];
            switch (UnitOf(utf8))
            {
                case >= 0xD800 and <= 0xDBFF when UnitOf(utf8[6..]) is >= 0xDC00 and <= 0xDFFF:
                    utf8 = utf8[12..];
                    break;
                case >= 0xD800 and <= 0xDFFF:
                    return true;
                default:
                    utf8 = utf8[2..];
                    break;
            }
        }

        return false;
    }

    /// <summary>The code unit of a <c>\uXXXX</c> at the start, or -1.</summary>
    private static int UnitOf(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length < 6 || utf8[0] != '\\' || utf8[1] != 'u')
        {
            return -1;
        }

        var unit = 0;
        foreach (var digit in utf8[2..6])
        {
            if (!char.IsAsciiHexDigit((char)digit))
            {
                return -1;
            }

            unit = (unit << 4) + HexOf(digit);
        }

        return unit;
    }

    private static int HexOf(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
