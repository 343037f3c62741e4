using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;

namespace Beamline.Scheduler.Core;

/// <summary>What is known of a task from its admission on. Never changes, so it may be read on any thread.</summary>
public sealed record TaskInfo
{
    /// <summary>The ledger's row. Rises over the ledger's life.</summary>
    public required long Id { get; init; }

    /// <summary>The assignment without its inputs (they stay in <see cref="Bytes"/>): small enough to keep for every open task.</summary>
    public required ExecAssignment Assignment { get; init; }

    /// <summary>The exact bytes that were admitted.</summary>
    public required RawJson Bytes { get; init; }

    /// <summary>SHA-256 of the step's identity.</summary>
    public required byte[] Identity { get; init; }
    public required byte[] BodyHash { get; init; }

    /// <summary><c>gateway</c> or <c>bus</c>.</summary>
    public required string Source { get; init; }
    public string? Principal { get; init; }
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>Empty for a block that needs no worker.</summary>
    public required string Pool { get; init; }

    /// <summary>The block type by its canonical name.</summary>
    public required string Type { get; init; }
    public required int Priority { get; init; }
    public required int Slots { get; init; }

    /// <summary>Memory declared, in MiB; 0: none.</summary>
    public int MemoryMb { get; init; }
    public string? ConcurrencyKey { get; init; }

    /// <summary>Expected run time in milliseconds times slots: what one run costs its tenant in the fair queue until runs have been measured.</summary>
    public required double Cost { get; init; }
    public required long TimeoutMs { get; init; }
    public required long QueueTimeoutMs { get; init; }
    public int MaxOutputBytes { get; init; } = JobDefaults.MaxOutputBytes;
    public required bool AtMostOnce { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long AdmittedAt { get; init; }
    public int Replay { get; init; }

    /// <summary>The task that runs for this one: the same identity under another assignment_id.</summary>
    public long? AliasOf { get; init; }

    /// <summary>False where a person decides.</summary>
    public bool NeedsWorker => Pool.Length > 0;
    public string TenantId => Assignment.TenantId;
    public string AssignmentId => Assignment.AssignmentId;
}
