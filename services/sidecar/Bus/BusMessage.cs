using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Beamline.Sidecar.Bus;

/// <summary>A message to publish, with the key that the stream deduplicates by: its JSON's top-level string <c>id</c>.</summary>
internal sealed record OutgoingMessage(string Subject, byte[] Body)
{
    private static readonly byte[] IdName = "id"u8.ToArray();

    /// <summary>Null: nothing to deduplicate by. A hash, so that what is remembered is small whatever the id's length.</summary>
    public UInt128? DedupKey { get; } = KeyOf(Body);

    internal static UInt128? KeyOf(ReadOnlySpan<byte> body)
    {
        var start = body.TrimStart(" \t\r\n"u8);
        if (start.IsEmpty || start[0] != (byte)'{')
        {
            return null;
        }

        string? id = null;
        try
        {
            var reader = new Utf8JsonReader(body);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isId = reader.ValueTextEquals(IdName);
                reader.Read();
                if (isId)
                {
                    id = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                }

                reader.Skip();
            }
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return null; // No JSON after all: the broker gets no id for it.
        }

        if (string.IsNullOrEmpty(id))
        {
            return null;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), hash);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}

/// <summary>A stored message.</summary>
internal sealed record BusMessage(long Sequence, string Subject, byte[] Body);

/// <summary>A message in a lane's hands.</summary>
internal sealed record Delivery(BusMessage Message, int Count);
