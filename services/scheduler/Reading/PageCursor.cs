using System.Buffers.Binary;
using System.Buffers.Text;

namespace Beamline.Scheduler.Reading;

/// <summary>The opaque cursor of a list: the row that the page ended with, marked so that a foreign text is told from it.</summary>
internal static class PageCursor
{
    private const byte Mark = 0xB1;

    /// <summary>Before the first page: every row is older.</summary>
    public const long Start = long.MaxValue;

    public static string Of(long id)
    {
        Span<byte> bytes = stackalloc byte[9];
        bytes[0] = Mark;
        BinaryPrimitives.WriteInt64BigEndian(bytes[1..], id);
        return Base64Url.EncodeToString(bytes);
    }

    public static bool TryRead(string? cursor, out long before)
    {
        before = Start;
        if (string.IsNullOrEmpty(cursor))
        {
            return true;
        }

        Span<byte> bytes = stackalloc byte[9];
        if (cursor.Length != 12 || !Base64Url.IsValid(cursor) || !Base64Url.TryDecodeFromChars(cursor, bytes, out var written) || written != 9 || bytes[0] != Mark)
        {
            return false;
        }

        before = BinaryPrimitives.ReadInt64BigEndian(bytes[1..]);
        return before > 0;
    }
}
