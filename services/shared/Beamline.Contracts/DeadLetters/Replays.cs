using System.Text.Json.Serialization;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.DeadLetters;

/// <summary><c>dead-letters/get</c>: <see cref="GetDeadLetterResponse.DeadLetter"/> is null when the tenant has no such dead letter.</summary>
public sealed record GetDeadLetterRequest(string TenantId, string DeadLetterId);

public sealed record GetDeadLetterResponse
{
    /// <summary>A <see cref="DeadLetters.DeadLetter"/>, redacted and uncut: what could not be parsed is there byte for byte.</summary>
    public RawJson? DeadLetter { get; init; }
}

/// <summary>
/// Which dead letters are meant; every member that is set must fit. An unknown member is a fault: passed over, a misspelt one would
/// replay everything.
/// </summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ReplayFilter
{
    /// <summary>Dead letter ids, up to 1,000. What cannot be replayed among them is listed as refused.</summary>
    public IReadOnlyList<string>? Ids { get; init; }
    public string? Reason { get; init; }
    public string? BlockType { get; init; }

    /// <summary>Dead-lettered at this time or later, Unix milliseconds.</summary>
    public long? Since { get; init; }

    /// <summary>Dead-lettered at this time or earlier, Unix milliseconds.</summary>
    public long? Until { get; init; }
}

/// <summary><c>dead-letters/replay</c>: runs dead-lettered steps again, one or many, oldest first, at a rate.</summary>
public sealed record ReplayDeadLettersRequest
{
    public required string TenantId { get; init; }
    public ReplayFilter Filter { get; init; } = new();

    /// <summary>Replays a second; the scheduler's default when left out.</summary>
    public double? Rate { get; init; }

    /// <summary>Dead letters at most; the scheduler's default when left out.</summary>
    public int? Max { get; init; }

    /// <summary>Only count.</summary>
    public bool DryRun { get; init; }

    /// <summary>Also at_most_once steps that have started before: they may then take effect twice.</summary>
    public bool AllowRepeat { get; init; }

    /// <summary>Who asks, as he says.</summary>
    public string? RequestedBy { get; init; }

    /// <summary>Why, for the record.</summary>
    public string? Comment { get; init; }
}

public sealed record ReplayDeadLettersResponse
{
    /// <summary>Null when nothing was taken, or only counted.</summary>
    public string? ReplayId { get; init; }

    /// <summary>Dead letters that will be replayed, or would be.</summary>
    public int Accepted { get; init; }

    /// <summary>More would fit the filter than the request's maximum.</summary>
    public bool More { get; init; }

    /// <summary>Dead letters that fit the filter and cannot be replayed.</summary>
    public int Refused { get; init; }

    /// <summary>Why, for the first 100 of them.</summary>
    public IReadOnlyList<ReplayRefusal>? Refusals { get; init; }

    /// <summary>A fault in the request, or no room for it: nothing was taken.</summary>
    public WireError? Error { get; init; }
}

/// <summary>Why one dead letter is not replayed.</summary>
public sealed record ReplayRefusal
{
    public required string DeadLetterId { get; init; }

    /// <summary>One of <see cref="ReplayRefusals"/>.</summary>
    public required string Reason { get; init; }

    /// <summary>What is wrong and what to do about it.</summary>
    public required string Message { get; init; }

    /// <summary>The replay that has it already.</summary>
    public string? ReplayId { get; init; }
}

/// <summary>The reasons of a <see cref="ReplayRefusal"/>.</summary>
public static class ReplayRefusals
{
    public const string Unknown = "unknown";
    public const string Unparsable = "unparsable";
    public const string AlreadyReplayed = "already_replayed";
    public const string Alias = "alias";
    public const string Expired = "expired";

    /// <summary>An at_most_once step that has started.</summary>
    public const string MayRepeat = "may_repeat";
    public const string TooManyReplays = "too_many_replays";
}

/// <summary><c>replays/get</c>: <see cref="GetReplayResponse.Replay"/> is null when the tenant has no such replay (any more).</summary>
public sealed record GetReplayRequest(string TenantId, string ReplayId);

public sealed record GetReplayResponse
{
    public ReplayProgress? Replay { get; init; }
}

/// <summary>How far a replay of one or many dead letters is. Dead letters that were purged since are in the total alone.</summary>
public sealed record ReplayProgress
{
    public required string ReplayId { get; init; }
    public required string TenantId { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long RequestedAt { get; init; }
    public string? RequestedBy { get; init; }
    public string? Comment { get; init; }

    /// <summary>Replays a second.</summary>
    public required double Rate { get; init; }
    public required int Total { get; init; }
    public required int Waiting { get; init; }
    public required int Replayed { get; init; }
    public required int Refused { get; init; }
}
