using Beamline.Contracts.Tasks;

namespace Beamline.Scheduler.Core;

/// <summary>Where a task stands; the numbers are the ledger's.</summary>
public enum TaskPhase
{
    Queued = 0,
    Parked = 1,
    Running = 2,

    /// <summary>Asked a person and waits for the answer: no slot, no lease.</summary>
    AwaitingApproval = 3,
    Success = 10,
    Error = 11,
    Timeout = 12,
    Cancelled = 13,
}

public static class TaskPhases
{
    public static bool IsFinal(this TaskPhase phase) => phase >= TaskPhase.Success;

    /// <summary>The name on the wire, one of <see cref="TaskStates"/>.</summary>
    public static string WireName(this TaskPhase phase) => phase switch
    {
        TaskPhase.Queued => TaskStates.Queued,
        TaskPhase.Parked => TaskStates.Parked,
        TaskPhase.Running => TaskStates.Running,
        TaskPhase.AwaitingApproval => TaskStates.Waiting,
        TaskPhase.Success => TaskStates.Success,
        TaskPhase.Error => TaskStates.Error,
        TaskPhase.Timeout => TaskStates.Timeout,
        TaskPhase.Cancelled => TaskStates.Cancelled,
        _ => throw new ArgumentOutOfRangeException(nameof(phase), phase, "Not a phase of a task."),
    };
}
