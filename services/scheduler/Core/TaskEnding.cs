using Beamline.Contracts.Json;
using Beamline.Contracts.Results;

namespace Beamline.Scheduler.Core;

/// <summary>A task's end, as it goes into the ledger and out to whoever waits for it.</summary>
public sealed class TaskEnding
{
    public required TaskInfo Task { get; init; }
    public required TaskPhase Phase { get; init; }

    /// <summary>What happened; made by the worker, or by the scheduler where no worker had a say.</summary>
    public required StepResult Step { get; init; }
    public string? Worker { get; init; }
    public required int Delivery { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long EndedAt { get; init; }

    /// <summary>Watchers that asked for this result when they admitted the task.</summary>
    public IReadOnlyList<string> Watchers { get; init; } = [];

    /// <summary>The ExecResult's exact bytes: made once, before the commit, and set by the time anybody is told.</summary>
    public RawJson Result { get; set; }
}
