using Beamline.Contracts.Admission;
using Beamline.Contracts.Errors;

namespace Beamline.Gateway.Submission;

/// <summary>What became of a submitted assignment.</summary>
internal sealed record AdmitAnswer
{
    private static readonly AdmitOutcome NotTaken = new() { Status = AdmitStatuses.Refused };

    /// <summary>No scheduler answered; the bus has taken it.</summary>
    public static readonly AdmitAnswer OnTheBus = new(new AdmitOutcome { Status = AdmitStatuses.Accepted, State = Contracts.Tasks.TaskStates.Queued }) { ByBus = true };

    /// <summary>Neither scheduler nor bus took it.</summary>
    public static readonly AdmitAnswer Unavailable = Refusal(ErrorCode.ResourceUnavailable, "No scheduler answers, and the bus does not take it either.");

    /// <summary>The gateway's own queue is full.</summary>
    public static readonly AdmitAnswer QueueFull = Refusal(ErrorCode.SystemOverload, "Too many submits wait for the scheduler.");

    public AdmitAnswer(AdmitOutcome outcome) => Outcome = outcome;

    public AdmitOutcome Outcome { get; }

    /// <summary>The scheduler does not know it yet.</summary>
    public bool ByBus { get; private init; }

    public bool IsAccepted => Outcome.Status == AdmitStatuses.Accepted;

    /// <summary>Why it was not accepted.</summary>
    public WireError Error => Outcome.Error ?? WireError.Of(ErrorCode.SystemOverload, "The scheduler cannot take it now.");

    private static AdmitAnswer Refusal(ErrorCode code, string message) => new(NotTaken with { Error = WireError.Of(code, message) });
}
