namespace Beamline.DaprAccess;

/// <summary>
/// One message of a bulk. <c>EntryId</c> is unique within the bulk. Published raw, the bytes arrive exactly as they are,
/// whatever <c>ContentType</c> says.
/// </summary>
public sealed record BulkPublishEntry(string EntryId, ReadOnlyMemory<byte> Data, string ContentType = "application/json");

/// <summary>What became of a bulk: empty means that all were taken. A failed entry may have been sent all the same (the broker was away).</summary>
public sealed record BulkPublishResponse(IReadOnlyList<BulkPublishResponseFailedEntry> FailedEntries)
{
    public bool IsSuccess => FailedEntries.Count == 0;
}

public sealed record BulkPublishResponseFailedEntry(string EntryId, string? Error);
