using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;

namespace Beamline.Contracts.Results;

/// <summary>The values of ExecAssignmentAck.status.</summary>
public static class AckStatuses
{
    public const string Accepted = "accepted";
    public const string Rejected = "rejected";
}

/// <summary>One row of the contract's table of outcomes.</summary>
public sealed record Outcome
{
    /// <summary>One of <see cref="AckStatuses"/>.</summary>
    public required string Ack { get; init; }

    /// <summary>ExecResult.status, which is the task's final state too; null where there is no result (yet).</summary>
    public string? ResultStatus { get; init; }
    public ErrorCode ErrorCode { get; init; }

    /// <summary><c>error.details.reason</c>, where the table names one.</summary>
    public string? Reason { get; init; }
    public bool DeadLetter { get; init; }

    /// <summary>The last events of the task, in order; empty for a duplicate.</summary>
    public IReadOnlyList<string> LastEvents { get; init; } = [];

    /// <summary>
    /// The step's result where no executor wrote one (expired in the queue, worker lost, cancelled before a start …),
    /// for the one converter. Only for a row that has a result.
    /// </summary>
    /// <param name="assignment">The step.</param>
    /// <param name="message">Says what happened, in words.</param>
    /// <param name="details">Further members of <c>error.details</c>; <see cref="Reason"/> and block_type are added.</param>
    public StepResult ToStepResult(ExecAssignment assignment, string message, params IEnumerable<KeyValuePair<string, string>> details)
    {
        var status = ResultStatus switch
        {
            TaskStates.Error => StepStatus.Error,
            TaskStates.Timeout => StepStatus.Timeout,
            TaskStates.Cancelled => StepStatus.Cancelled,
            _ => throw new InvalidOperationException($"The outcome with result status '{ResultStatus}' is not for the scheduler to write."),
        };
        var members = new List<KeyValuePair<string, string>>(details);
        if (Reason is { } reason)
        {
            members.Insert(0, new("reason", reason));
        }

        return new StepResult
        {
            Status = status,
            ErrorCode = ErrorCode,
            Metadata = StepMetadata.Of(assignment),
            ErrorMessage = message,
            ErrorDetails = members.Count == 0 ? null : ErrorDetails.Of(members),
        };
    }
}

/// <summary>The contract's table of outcomes as code: the one place that says what follows from what happened.</summary>
public static class Outcomes
{
    /// <summary><c>error.details.reason</c>, as the table names them.</summary>
    public static class Reasons
    {
        public const string Expired = "expired";
        public const string QueueTimeout = "queue_timeout";
        public const string WorkerLost = "worker_lost";
        public const string OutputTooLarge = "output_too_large";
        public const string InvalidStepResult = "invalid_step_result";
    }

    public static readonly Outcome Quota = Rejected(ErrorCode.QuotaExceeded);
    public static readonly Outcome Overload = Rejected(ErrorCode.SystemOverload);
    public static readonly Outcome Succeeded = Ends(TaskStates.Success, ErrorCode.None, [TaskEventTypes.Completed]);

    /// <summary>A person said no: that is an answer, not a failure.</summary>
    public static readonly Outcome ApprovalRefused = Succeeded;

    /// <summary><c>timeout_ms</c> over.</summary>
    public static readonly Outcome TimedOut = Ends(TaskStates.Timeout, ErrorCode.Timeout, [TaskEventTypes.TimedOut]);
    public static readonly Outcome ApprovalTimedOut = TimedOut;

    /// <summary><c>expires_at</c> before a start, or a deadline that can no longer be met.</summary>
    public static readonly Outcome Expired = TimedOut with { Reason = Reasons.Expired };
    public static readonly Outcome QueueTimeout = TimedOut with { Reason = Reasons.QueueTimeout };
    public static readonly Outcome Cancelled = Ends(TaskStates.Cancelled, ErrorCode.CancelledByUser, [TaskEventTypes.Cancelled]);

    /// <summary>Executor lost, deliveries left.</summary>
    public static readonly Outcome Redelivered = new() { Ack = AckStatuses.Accepted, LastEvents = [TaskEventTypes.Redelivered] };

    /// <summary>Executor lost, deliveries used up, or at_most_once after its start was committed.</summary>
    public static readonly Outcome WorkerLost = Failed(ErrorCode.InternalError) with { Reason = Reasons.WorkerLost };

    /// <summary>The stored result is published again where there is one; nothing runs.</summary>
    public static readonly Outcome Duplicate = new() { Ack = AckStatuses.Accepted };

    private static readonly Outcome InvalidParsable = Rejected(ErrorCode.InvalidInput);
    private static readonly Outcome InvalidUnparsable = InvalidParsable with { DeadLetter = true };

    /// <summary>Does not validate: rejected with the first fault's code; only what cannot be parsed is dead-lettered.</summary>
    public static Outcome Invalid(AssignmentReading reading) =>
        (reading.Parsable ? InvalidParsable : InvalidUnparsable) with { ErrorCode = reading.Faults[0].Code };

    /// <summary>What follows from a step that an executor has ended for good (no retry left, or none wanted).</summary>
    public static Outcome For(StepResult step) => step.Status switch
    {
        StepStatus.Ok => Succeeded,
        StepStatus.Timeout => TimedOut,
        StepStatus.Cancelled => Cancelled,
        _ => Failed(step.ErrorCode),
    };

    private static Outcome Failed(ErrorCode code) =>
        Ends(TaskStates.Error, code, [TaskEventTypes.Failed, TaskEventTypes.DeadLettered]) with { DeadLetter = true };

    private static Outcome Ends(string status, ErrorCode code, IReadOnlyList<string> events) => new()
    {
        Ack = AckStatuses.Accepted,
        ResultStatus = status,
        ErrorCode = code,
        LastEvents = events,
    };

    private static Outcome Rejected(ErrorCode code) => new()
    {
        Ack = AckStatuses.Rejected,
        ErrorCode = code,
        LastEvents = [TaskEventTypes.Rejected],
    };
}
