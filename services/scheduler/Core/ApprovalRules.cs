using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;

namespace Beamline.Scheduler.Core;

/// <summary>What became of a decision under the engine's lock.</summary>
internal enum ApprovalVerdict
{
    /// <summary>The task has ended with it, and those that wait for the task under other ids.</summary>
    Decided,

    /// <summary>The task is open and nobody has been asked yet.</summary>
    NotAsked,

    /// <summary>The task has ended: its row says how.</summary>
    Ended,
}

/// <summary>How a task goes that waits for a person: what is asked, and what its ends look like.</summary>
internal static class ApprovalRules
{
    /// <summary>From now on the task waits, for its waiting time: a span, so the machine's clock may be set meanwhile.</summary>
    public static void Begin(long now, TaskEntry entry)
    {
        entry.Phase = TaskPhase.AwaitingApproval;
        entry.StartedAt = now;
        entry.Due = now + entry.Info.TimeoutMs;
    }

    /// <summary>The data of `approval_needed`. Reads the assignment's bytes, once in a task's life: what people are asked is too large to be kept for every open task.</summary>
    public static RawJson Question(TaskEntry entry)
    {
        var inputs = ApprovalInputs.Of(entry.Info.Bytes);
        return EventData.Of(("prompt", inputs.Prompt), ("approvers", inputs.Approvers), ("expires_at", entry.Due));
    }

    /// <summary>Yes and no are both a success; only an answer that its own max_output_bytes has no room for is not.</summary>
    public static StepResult Decided(long now, TaskEntry entry, Approval approval)
    {
        var outcome = new ApprovalOutcome
        {
            Approved = approval.Approved,
            Approver = approval.Approver,
            Comment = approval.Comment,
            // A stranger's word on the time is taken within what can be: after the question, and not in the future.
            ApprovedAt = Math.Min(now, Math.Max(approval.DecidedAt, entry.StartedAt ?? now)),
        };
        return StepEndings.Checked(entry.Info, new StepResult
        {
            Status = StepStatus.Ok,
            ErrorCode = ErrorCode.None,
            Metadata = StepMetadata.Of(entry.Info.Assignment),
            Outputs = RawJson.From(outcome, BeamlineJson.Default.ApprovalOutcome),
            LatencyMs = WaitedMs(now, entry),
        });
    }

    public static StepResult TimedOut(long now, TaskEntry entry) =>
        Outcomes.ApprovalTimedOut.ToStepResult(entry.Info.Assignment, "None of the approvers decided in time.") with { LatencyMs = WaitedMs(now, entry) };

    // Never negative: the clock may have been set back since.
    private static long WaitedMs(long now, TaskEntry entry) => Math.Max(0, now - (entry.StartedAt ?? now));
}
