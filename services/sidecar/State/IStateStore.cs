using Beamline.Sidecar.Components;

namespace Beamline.Sidecar.State;

/// <summary>A stored value: the JSON as it was sent.</summary>
internal sealed record StateItem(byte[] Value, string Etag, DateTimeOffset? Expires);

/// <summary>One write; without <see cref="Value"/> a deletion.</summary>
/// <param name="Key">Prefixed already.</param>
/// <param name="Value">JSON text.</param>
/// <param name="Etag">Must be the stored one; null: no condition.</param>
/// <param name="FirstWrite">Without an etag: the key must not exist.</param>
/// <param name="TimeToLive">Null: for ever.</param>
internal sealed record StateWrite(string Key, byte[]? Value, string? Etag, bool FirstWrite, TimeSpan? TimeToLive);

/// <summary>An etag did not match, or a first write met an existing key.</summary>
internal sealed class EtagMismatchException(string? detail = null)
    : Exception("possible etag mismatch. error from state store" + (detail is null ? "" : ": " + detail));

/// <summary>The store refuses for want of room.</summary>
internal sealed class StateStoreFullException() : Exception("the in-memory store is full");

internal interface IStateStore : IAsyncDisposable
{
    ComponentDocument Component { get; }

    IReadOnlyList<string> Capabilities { get; }

    /// <summary>In the order of the keys; null where there is nothing, or no longer.</summary>
    ValueTask<StateItem?[]> GetAsync(IReadOnlyList<string> keys, CancellationToken cancellation);

    /// <summary>Each for itself, in one commit; an entry of the result is null when the write was done.</summary>
    Task<EtagMismatchException?[]> WriteEachAsync(IReadOnlyList<StateWrite> writes, CancellationToken cancellation);

    /// <summary>All or none.</summary>
    /// <exception cref="EtagMismatchException">None.</exception>
    Task WriteAllAsync(IReadOnlyList<StateWrite> writes, CancellationToken cancellation);
}
