using Beamline.Contracts;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Results;

namespace Beamline.Scheduler.Core;

/// <summary>The results of steps that end without a worker's word, and the check of those that have one.</summary>
internal static class StepEndings
{
    /// <summary>Outputs up to here always fit a result, unless the task itself allows less.</summary>
    private const int SurelyFittingBytes = WireLimits.MaxResultBytes / 2;

    public static StepResult Expired(TaskEntry entry) => Of(entry, Outcomes.Expired, "The task expired before it could start.");

    /// <param name="entry">The task.</param>
    /// <param name="offered">False when no live worker offered its block type.</param>
    public static StepResult QueueTimeout(TaskEntry entry, bool offered) => offered
        ? Of(entry, Outcomes.QueueTimeout, "The task waited in the queue for longer than its queue timeout.")
        : Of(entry, Outcomes.QueueTimeout, "No worker offered this block type before the queue timeout.", new KeyValuePair<string, string>("cause", "no_executor"));

    public static StepResult TimedOut(TaskEntry entry) => Of(entry, Outcomes.TimedOut, "The task used up its total run time.");

    public static StepResult Cancelled(TaskEntry entry) => Of(entry, Outcomes.Cancelled, "The task was cancelled.");

    public static StepResult WorkerLost(TaskEntry entry) => Of(
        entry,
        Outcomes.WorkerLost,
        entry.Info.AtMostOnce
            ? "The worker was lost after the step had started, and the step must not run twice."
            : $"The worker was lost in each of {entry.Delivery} deliveries.");

    // What it ran and retried before it ended counts, whoever ended it.
    private static StepResult Of(TaskEntry entry, Outcome outcome, string message, params IEnumerable<KeyValuePair<string, string>> details) =>
        outcome.ToStepResult(entry.Info.Assignment, message, details) with { LatencyMs = entry.RanMs, RetriesUsed = entry.RetriesUsed };

    /// <summary>The step as the ledger takes it: what is not valid or cannot be published becomes an error here, once.</summary>
    public static StepResult Checked(TaskInfo task, StepResult step)
    {
        var problems = StepResultValidator.Validate(task.Assignment, step);
        if (problems.Count > 0)
        {
            var invalid = Outcomes.WorkerLost with { Reason = Outcomes.Reasons.InvalidStepResult };
            return invalid.ToStepResult(task.Assignment, $"The worker's result is not valid: {problems[0]}") with
            {
                LatencyMs = Math.Max(0, step.LatencyMs),
                RetriesUsed = Math.Max(0, step.RetriesUsed),
            };
        }

        if (step.Outputs is not { } outputs || (outputs.Length <= SurelyFittingBytes && outputs.Length <= task.MaxOutputBytes))
        {
            return step;
        }

        // The converter alone knows what fits; its verdict decides the task's state too.
        var result = ResultConverter.ToExecResult(task.Assignment, step, new ResultContext { Delivery = 1, Replay = 0, CompletedAt = 0 });
        return result.Error is not { } error
            ? step
            : step with
            {
                Status = StepStatus.Error,
                ErrorCode = (ErrorCode)error.Number,
                ErrorMessage = error.Message,
                ErrorDetails = error.Details,
                Retryable = error.Retryable,
                Outputs = null,
            };
    }
}
