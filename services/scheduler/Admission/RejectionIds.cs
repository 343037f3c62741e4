using System.Buffers.Binary;
using System.Security.Cryptography;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Scheduler.Admission;

/// <summary>
/// What tells one rejection over the bus from the next, in the ids of its ack and its event. The bus may deliver a message twice,
/// and the broker drops what comes twice under one id: so the id follows from the message and from what is wrong with it.
/// </summary>
internal static class RejectionIds
{
    /// <param name="assignment">The bytes that were rejected.</param>
    /// <param name="error">Why.</param>
    /// <param name="at">When. It counts only where the same bytes may be answered otherwise later (a quota, a bound): whoever sends
    /// them again on purpose must hear of the second rejection too.</param>
    /// <returns>32 hexadecimal digits.</returns>
    public static string Of(RawJson assignment, WireError error, long at)
    {
        Span<byte> tail = stackalloc byte[sizeof(int) + sizeof(long)];
        BinaryPrimitives.WriteInt32BigEndian(tail, error.Number);
        BinaryPrimitives.WriteInt64BigEndian(tail[sizeof(int)..], error.Retryable ? at : 0);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(assignment.Utf8.Span);
        hash.AppendData(tail);
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }
}
