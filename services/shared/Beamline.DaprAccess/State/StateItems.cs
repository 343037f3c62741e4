namespace Beamline.DaprAccess;

public enum ConcurrencyMode
{
    /// <summary>The later write wins, unless an etag was given: a wrong etag is refused in this mode too.</summary>
    LastWrite,

    /// <summary>Without an etag the key must not exist yet.</summary>
    FirstWrite,
}

/// <summary>A stored value (JSON text) with the etag to pass back.</summary>
public sealed record StateEntry(ReadOnlyMemory<byte> Value, string? ETag);

/// <summary>One key of a bulk get. <c>Value</c> is null for a key that is not there, and for one that could not be read (then <c>Error</c> says why).</summary>
public sealed record BulkStateItem(string Key, ReadOnlyMemory<byte>? Value, string? ETag, string? Error = null);

/// <summary>What to save: <c>Value</c> is JSON text. A time to live of -1 takes an earlier one away.</summary>
public sealed record SaveStateItem(
    string Key,
    ReadOnlyMemory<byte> Value,
    string? ETag = null,
    ConcurrencyMode? Concurrency = null,
    int? TtlInSeconds = null);

public enum StateOperationType
{
    Upsert,
    Delete,
}

/// <summary>One operation of a transaction. <c>Value</c> is JSON text; a delete has none.</summary>
public sealed record StateTransactionRequest(
    string Key,
    ReadOnlyMemory<byte> Value,
    StateOperationType OperationType = StateOperationType.Upsert,
    string? ETag = null,
    ConcurrencyMode? Concurrency = null,
    int? TtlInSeconds = null);
