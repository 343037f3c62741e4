using Beamline.Contracts.Json;

namespace Beamline.Contracts.DeadLetters;

/// <summary>What ended badly, for operators. Secrets and Authorization headers are redacted; the exact bytes stay in the ledger.</summary>
public sealed record DeadLetter
{
    public required string Id { get; init; }
    public required string DeadLetterId { get; init; }
    public required string Reason { get; init; }

    /// <summary>The assignment, redacted; absent when it could not be parsed.</summary>
    public RawJson? Assignment { get; init; }

    /// <summary>The raw bytes of what could not be parsed, cut at 256 KiB.</summary>
    public string? AssignmentRawBase64 { get; init; }

    /// <summary>True when <see cref="AssignmentRawBase64"/> or <see cref="Assignment"/> was cut for the bus.</summary>
    public bool? Truncated { get; init; }
    public RawJson? Result { get; init; }
    public required int Attempt { get; init; }
    public required int Delivery { get; init; }
    public required int Replay { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long DeadLetteredAt { get; init; }
}
