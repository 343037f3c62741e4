using System.Buffers;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>Reads a stream up to a bound: a response of any size, or a compression bomb, costs no more memory than that.</summary>
internal static class BoundedBody
{
    private const int FirstBytes = 4 * 1024;

    /// <summary>At most <paramref name="max"/> bytes, and whether the stream holds more.</summary>
    public static async ValueTask<(ReadOnlyMemory<byte> Bytes, bool More)> ReadAsync(Stream stream, long? expected, int max, CancellationToken cancellation)
    {
        // One byte above the bound tells "more" from "exactly full".
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(expected + 1 ?? FirstBytes, (long)max + 1));
        var length = 0;
        try
        {
            while (true)
            {
                var room = Math.Min(buffer.Length, max + 1) - length;
                if (room == 0)
                {
                    if (length > max)
                    {
                        return (buffer.AsSpan(0, max).ToArray(), true);
                    }

                    buffer = Grow(buffer, length, max);
                    continue;
                }

                var read = await stream.ReadAsync(buffer.AsMemory(length, room), cancellation).ConfigureAwait(false);
                if (read == 0)
                {
                    return (buffer.AsSpan(0, length).ToArray(), false);
                }

                length += read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static byte[] Grow(byte[] buffer, int length, int max)
    {
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(buffer.Length * 2L, (long)max + 1));
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }
}
