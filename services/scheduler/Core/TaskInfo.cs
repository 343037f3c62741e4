using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;

namespace Beamline.Scheduler.Core;

/// <summary>What is known of a task from its admission on. Never changes, so it may be read on any thread.</summary>
public sealed record TaskInfo
{
    private readonly ExecAssignment? _assignment;

    /// <summary>The ledger's row. Rises over the ledger's life.</summary>
    public required long Id { get; init; }

    /// <summary>
    /// The assignment without its inputs (they stay in <see cref="Bytes"/>). Read from the bytes each time where it is not kept:
    /// behind a long queue the parsed form would weigh more than the bytes, and nobody looks at it before the task ends.
    /// </summary>
    public required ExecAssignment Assignment
    {
        get => _assignment ?? AssignmentReader.ReadTrusted(Bytes);
        init => _assignment = value;
    }

    public required string TenantId { get; init; }
    public required string AssignmentId { get; init; }

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

    /// <summary>Unix milliseconds before which it may not start; 0: none.</summary>
    public long NotBefore { get; init; }

    /// <summary>Unix milliseconds from which on it may no longer start; <see cref="long.MaxValue"/>: none.</summary>
    public long ExpiresAt { get; init; } = long.MaxValue;

    /// <summary>Unix milliseconds.</summary>
    public required long AdmittedAt { get; init; }
    public int Replay { get; init; }

    /// <summary>The task that runs for this one: the same identity under another assignment_id.</summary>
    public long? AliasOf { get; init; }

    /// <summary>False where a person decides.</summary>
    public bool NeedsWorker => Pool.Length > 0;
    /// <summary>The same, its parsed assignment not kept.</summary>
    public TaskInfo Light() => this with { Assignment = null! };

    /// <summary>The same, its parsed assignment kept.</summary>
    public TaskInfo Parsed() => _assignment is null ? this with { Assignment = AssignmentReader.ReadTrusted(Bytes) } : this;
}
