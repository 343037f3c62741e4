using System.Text.Json.Serialization;
using Beamline.Contracts.DeadLetters;

namespace Beamline.Gateway.DeadLetters;

/// <summary>The body of POST /v1/dlq:replay; everything may be left out. A misspelt <c>dry_run</c> must not replay: unknown names are faults.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record ReplayBody
{
    /// <summary>Which dead letters; all that have not been replayed when it is left out.</summary>
    public ReplayFilter? Filter { get; init; }

    /// <summary>Replays a second.</summary>
    public double? Rate { get; init; }

    /// <summary>Dead letters at most, the oldest first.</summary>
    public int? Max { get; init; }

    /// <summary>Only count.</summary>
    public bool DryRun { get; init; }

    /// <summary>Also at_most_once steps that have started before.</summary>
    public bool AllowRepeat { get; init; }

    /// <summary>Who asks, for the record.</summary>
    public string? RequestedBy { get; init; }

    /// <summary>Why, for the record.</summary>
    public string? Comment { get; init; }
}

/// <summary>The body of POST /v1/dlq/{id}:replay; there need be none.</summary>
internal sealed record ReplayOneBody
{
    /// <summary>Also when the step is at_most_once and has started before.</summary>
    public bool AllowRepeat { get; init; }

    /// <summary>Who asks, for the record.</summary>
    public string? RequestedBy { get; init; }

    /// <summary>Why, for the record.</summary>
    public string? Comment { get; init; }
}
