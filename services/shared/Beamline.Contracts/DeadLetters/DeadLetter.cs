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

    /// <summary>Who had it replayed and what became of that. In the API's answers only: on the bus it is never there.</summary>
    public DeadLetterReplay? Replayed { get; init; }
}

/// <summary>The replay of one dead letter.</summary>
public sealed record DeadLetterReplay
{
    /// <summary>The request: of this dead letter alone, or of many.</summary>
    public required string ReplayId { get; init; }

    /// <summary>One of <see cref="DeadLetterReplayStates"/>.</summary>
    public required string State { get; init; }

    /// <summary>Who asked, as he says.</summary>
    public string? RequestedBy { get; init; }
    public string? Comment { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long RequestedAt { get; init; }

    /// <summary>Unix milliseconds; null while it waits.</summary>
    public long? ReplayedAt { get; init; }

    /// <summary>The ordinal under which the step ran again.</summary>
    public int? Replay { get; init; }

    /// <summary>Where that run stands, one of TaskStates.</summary>
    public string? TaskState { get; init; }

    /// <summary>Why it was refused when its turn came.</summary>
    public string? Error { get; init; }
}

/// <summary>Where a dead letter's replay stands.</summary>
public static class DeadLetterReplayStates
{
    /// <summary>Asked for; waits for its turn, or for room in its tenant's quota.</summary>
    public const string Waiting = "waiting";
    public const string Replayed = "replayed";

    /// <summary>It could not run when its turn came; it may be asked for again.</summary>
    public const string Refused = "refused";
}
