using System.Text;
using System.Text.Json;
using Beamline.Contracts.Tasks;

namespace Beamline.Gateway.Submission;

/// <summary>
/// An assignment as it goes over the bus: the same bytes with the top-level <c>id</c> <c>assign:&lt;tenant&gt;:&lt;assignment&gt;</c>, by which the
/// broker finds repeats. A foreign <c>id</c> gives way to it. The same task makes the same bytes each time.
/// </summary>
internal static class BusMessage
{
    public static byte[] Of(PreparedTask task)
    {
        var id = IdOf(task.Key);
        var bytes = task.Bytes.Span;
        if (FindId(bytes) is { } found)
        {
            return [.. bytes[..found.Start], .. id, .. bytes[found.End..]];
        }

        var after = bytes.IndexOf((byte)'{') + 1;
        return [.. bytes[..after], .. "\"id\":"u8, .. id, .. ","u8, .. bytes[after..]];
    }

    // An assignment_id may hold quotes and backslashes.
    private static byte[] IdOf(TaskKey key) =>
        Encoding.UTF8.GetBytes($"\"{JsonEncodedText.Encode($"assign:{key.TenantId}:{key.AssignmentId}")}\"");

    private static (int Start, int End)? FindId(ReadOnlySpan<byte> bytes)
    {
        var reader = new Utf8JsonReader(bytes);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isId = reader.ValueTextEquals("id"u8);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (isId)
            {
                return (start, (int)reader.BytesConsumed);
            }
        }

        return null;
    }
}
