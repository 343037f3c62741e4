using System.Buffers;
using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Leases;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Running;

/// <summary>Turns how a step went into the report on its lease.</summary>
internal static class StepReports
{
    /// <summary>Stands for an attempt that its token has ended.</summary>
    public static readonly BlockOutcome Interrupted = BlockOutcome.Failed(ErrorCode.InternalError, "The attempt was interrupted.", retryable: false);

    public static LeaseReport Succeeded(StepRun step, BlockOutcome outcome) =>
        Ended(step, Result(step, StepStatus.Ok, ErrorCode.None) with { Outputs = outcome.Outputs });

    public static LeaseReport Failed(StepRun step, BlockOutcome outcome) => Ended(step, Failure(step, outcome));

    public static LeaseReport RetryAt(StepRun step, BlockOutcome outcome, TimeSpan delay) => Ended(step, Failure(step, outcome)) with
    {
        Kind = ReportKinds.RetryAt,
        RetryAfterMs = (long)Math.Ceiling(delay.TotalMilliseconds),
    };

    public static LeaseReport Expired(StepRun step) => Ended(step, Result(step, StepStatus.Timeout, ErrorCode.Timeout) with
    {
        ErrorMessage = "The assignment had expired before its start.",
        ErrorDetails = Details(("reason", Outcomes.Reasons.Expired)),
        Retryable = false,
    });

    /// <summary>A retry is due, but not within what is left of <c>timeout_ms</c>.</summary>
    public static LeaseReport OutOfTime(StepRun step, BlockOutcome last) => Ended(step, Result(step, StepStatus.Timeout, ErrorCode.Timeout) with
    {
        ErrorMessage = $"No time is left for another attempt; the last one failed: {last.Message}",
        ErrorDetails = Details(("reason", "timeout"), ("last_error", ErrorCatalogue.NameOf(last.Code))),
        Retryable = true,
    });

    public static BlockOutcome AttemptTimedOut() => BlockOutcome.Failed(
        ErrorCode.Timeout, "The attempt ran longer than attempt_timeout_ms allows.", retryable: true, Details(("reason", "attempt_timeout")));

    public static BlockOutcome OutputTooLarge(int size, int limit) => BlockOutcome.Failed(
        ErrorCode.ExecutionFailed,
        $"The outputs are {size} bytes; max_output_bytes allows {limit}.",
        retryable: false,
        Details(("reason", Outcomes.Reasons.OutputTooLarge)));

    // The exception's text stays in the log: it may hold what a tenant must not see.
    public static BlockOutcome Threw(string type, Exception thrown) => BlockOutcome.Failed(
        ErrorCode.InternalError, $"The block {type} failed unexpectedly ({thrown.GetType().Name}).");

    public static RawJson RetryNote(BlockOutcome outcome, int retry, TimeSpan delay)
    {
        var buffer = new ArrayBufferWriter<byte>(128);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteNumber("retry", retry);
            writer.WriteNumber("delay_ms", (long)delay.TotalMilliseconds);
            writer.WriteString("code", ErrorCatalogue.NameOf(outcome.Code));
            writer.WriteString("message", outcome.Message);
            writer.WriteEndObject();
        }

        return new RawJson(buffer.WrittenMemory);
    }

    /// <summary>The report as it may go out: a result that contradicts the contract is the block's bug, and becomes 4001.</summary>
    public static LeaseReport Checked(StepRun step, LeaseReport report, ILogger logger)
    {
        var problems = StepResultValidator.Validate(step.Lease.Assignment, report.Result!);
        if (problems.Count == 0)
        {
            return report;
        }

        var said = string.Join(' ', problems);
        logger.InvalidResult(step.Lease.Job.Type, step.Lease.Wire.AssignmentId, step.Lease.Wire.TenantId, said);
        return Failed(step, BlockOutcome.Failed(
            ErrorCode.InternalError,
            $"The block {step.Lease.Job.Type} gave an invalid result: {said}",
            retryable: false,
            Details(("reason", Outcomes.Reasons.InvalidStepResult))));
    }

    private static StepResult Failure(StepRun step, BlockOutcome outcome) => Result(step, StepStatus.Error, outcome.Code) with
    {
        ErrorMessage = outcome.Message,
        ErrorDetails = outcome.Details,
        Retryable = outcome.Retryable ?? ErrorCatalogue.IsRetryable(outcome.Code),
    };

    private static StepResult Result(StepRun step, StepStatus status, ErrorCode code) => new()
    {
        Status = status,
        ErrorCode = code,
        Metadata = StepMetadata.Of(step.Lease.Assignment),
        LatencyMs = StopReports.RanMs(step.Lease, step.Ran),
        RetriesUsed = step.Lease.RetriesUsed,
        Metrics = step.Used.ToMetrics(),
    };

    private static LeaseReport Ended(StepRun step, StepResult result) => new()
    {
        Lease = step.Lease.Number,
        Kind = ReportKinds.Ended,
        Result = result,
        RanMs = result.LatencyMs,
        RetriesUsed = step.Lease.RetriesUsed,
    };

    public static RawJson Details(params IEnumerable<(string Name, string Value)> members) =>
        ErrorDetails.Of(members.Select(member => KeyValuePair.Create(member.Name, member.Value)));
}
