using System.Buffers.Binary;

namespace Beamline.Sidecar.Bus;

/// <summary>Where a durable consumer stands: the last sequence handed out, and which up to it are unacknowledged, with their deliveries.</summary>
internal sealed record ConsumerPosition(long HandedOut, IReadOnlyList<(long Sequence, int Count)> Pending)
{
    private const int EntrySize = sizeof(long) + sizeof(int);

    public byte[] ToBytes()
    {
        var output = new byte[sizeof(long) + (Pending.Count * EntrySize)];
        BinaryPrimitives.WriteInt64LittleEndian(output, HandedOut);
        var rest = output.AsSpan(sizeof(long));
        foreach (var (sequence, count) in Pending)
        {
            BinaryPrimitives.WriteInt64LittleEndian(rest, sequence);
            BinaryPrimitives.WriteInt32LittleEndian(rest[sizeof(long)..], count);
            rest = rest[EntrySize..];
        }

        return output;
    }

    public static ConsumerPosition FromBytes(ReadOnlySpan<byte> bytes)
    {
        var pending = new List<(long, int)>();
        for (var rest = bytes[sizeof(long)..]; !rest.IsEmpty; rest = rest[EntrySize..])
        {
            pending.Add((BinaryPrimitives.ReadInt64LittleEndian(rest), BinaryPrimitives.ReadInt32LittleEndian(rest[sizeof(long)..])));
        }

        return new ConsumerPosition(BinaryPrimitives.ReadInt64LittleEndian(bytes), pending);
    }
}
