using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Assignments;

/// <summary>
/// The SHA-256 of the canonical JSON of <c>executor</c> and <c>job</c>: equal for bodies that differ only in whitespace,
/// in the order of keys or in how strings are escaped.
/// </summary>
public static class BodyHash
{
    /// <summary>32 bytes. The bytes must have been read without faults.</summary>
    public static byte[] Of(ReadOnlyMemory<byte> assignment)
    {
        using var document = new RawJson(assignment).Parse();
        return Of(document.RootElement, assignment.Length);
    }

    /// <summary>As <see cref="Of(ReadOnlyMemory{byte})"/>, of what has been parsed once.</summary>
    public static byte[] Of(AssignmentReading reading, int length)
    {
        ArgumentNullException.ThrowIfNull(reading);
        return Of(reading.Root, length);
    }

    private static byte[] Of(JsonElement root, int length)
    {
        var buffer = new ArrayBufferWriter<byte>(Math.Max(256, length));
        CanonicalJson.WriteMember(root, "executor", buffer);
        CanonicalJson.WriteMember(root, "job", buffer);
        return SHA256.HashData(buffer.WrittenSpan);
    }
}
