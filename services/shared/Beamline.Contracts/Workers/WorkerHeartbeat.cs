namespace Beamline.Contracts.Workers;

/// <summary>A copy of a worker's state for onlookers; it never changes a lease.</summary>
public sealed record WorkerHeartbeat
{
    public required string Id { get; init; }
    public required string WorkerId { get; init; }
    public required string Incarnation { get; init; }
    public required string Pool { get; init; }

    /// <summary><c>healthy</c>, <c>degraded</c> or <c>draining</c>.</summary>
    public required string Status { get; init; }
    public required string Version { get; init; }
    public required WorkerCapacity Capacity { get; init; }
    public required WorkerLoad Load { get; init; }
    public IReadOnlyList<string>? Devices { get; init; }
    public required IReadOnlyList<BlockOffer> BlockTypes { get; init; }
    public required IReadOnlyList<string> Running { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long Timestamp { get; init; }
}

public sealed record WorkerCapacity(int Slots, int Busy, int Queued);

public sealed record WorkerLoad(long CpuTimeMs, long MemBytes);

/// <summary>A block type that a worker runs, and the version of its code.</summary>
public sealed record BlockOffer(string Type, string Version);
