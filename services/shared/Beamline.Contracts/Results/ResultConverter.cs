using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;

namespace Beamline.Contracts.Results;

/// <summary>What the scheduler knows about a run and the step's own result does not.</summary>
public sealed record ResultContext
{
    public required int Delivery { get; init; }
    public required int Replay { get; init; }

    /// <summary>Null where no worker had it.</summary>
    public string? WorkerId { get; init; }
    public string? Pool { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long CompletedAt { get; init; }

    /// <summary>Setting <c>Contract:EmitOutputs</c>: repeat <c>result</c> under <c>outputs</c> for readers of the older form.</summary>
    public bool EmitOutputs { get; init; } = true;
}

/// <summary>The one converter from a step's result to the ExecResult of the wire.</summary>
public static class ResultConverter
{
    private const int MaxMessageLength = 4096;
    private const int MaxDetailsBytes = 64 * 1024;

    // Everything in an ExecResult but its outputs, at their longest: below it no exact count is needed.
    private const int OverheadBytes = 128 * 1024;
    private static readonly RawJson EmptyObject = RawJson.FromString("{}");

    /// <summary>The result's id, its key of deduplication on the bus.</summary>
    public static string IdOf(string tenantId, string assignmentId, int replay) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"result:{tenantId}:{assignmentId}:{replay}");

    /// <summary>
    /// Never longer than 512 KiB when serialised: outputs above that, or above the step's own max_output_bytes,
    /// end the step with 2001, details.reason <c>output_too_large</c>, not retryable.
    /// </summary>
    public static ExecResult ToExecResult(ExecAssignment assignment, StepResult step, ResultContext context)
    {
        var size = step.Outputs?.Length ?? 0;
        if (size > JobDefaults.MaxOutputBytesOf(assignment.Job))
        {
            return Build(assignment, TooLarge(step, size, JobDefaults.MaxOutputBytesOf(assignment.Job)), context);
        }

        var result = Build(assignment, step, context);
        return size > WireLimits.MaxResultBytes - OverheadBytes && Serialise(result).Length > WireLimits.MaxResultBytes
            ? Build(assignment, TooLarge(step, size, WireLimits.MaxResultBytes), context)
            : result;
    }

    /// <summary>The bytes that are committed, and published as they are ever after.</summary>
    public static byte[] Serialise(ExecResult result) => JsonSerializer.SerializeToUtf8Bytes(result, BeamlineJson.Default.ExecResult);

    private static ExecResult Build(ExecAssignment assignment, StepResult step, ResultContext context)
    {
        var ok = step.Status == StepStatus.Ok;
        // A result travels in NDJSON lines too: a block's own line breaks must not end one.
        var outputs = ok ? (step.Outputs ?? EmptyObject).OnOneLine() : (RawJson?)null;
        var error = ok ? null : ErrorOf(assignment, step);
        return new ExecResult
        {
            Id = IdOf(assignment.TenantId, assignment.AssignmentId, context.Replay),
            AssignmentId = assignment.AssignmentId,
            RequestId = assignment.RequestId,
            Status = StatusOf(step.Status),
            Result = outputs,
            Outputs = context.EmitOutputs && outputs is { Length: <= WireLimits.MaxRepeatedOutputsBytes } ? outputs : null,
            Error = error,
            ErrorCode = error?.Number ?? 0,
            LatencyMs = step.LatencyMs,
            RetriesUsed = step.RetriesUsed,
            Metadata = MetadataOf(assignment, step, context),
            TraceId = assignment.TraceId,
            RunId = assignment.RunId,
            FlowId = assignment.FlowId,
            StepId = assignment.StepId,
            TenantId = assignment.TenantId,
            Traceparent = assignment.Traceparent,
            Tracestate = assignment.Tracestate,
            CompletedAt = context.CompletedAt,
        };
    }

    private static ResultMetadata MetadataOf(ExecAssignment assignment, StepResult step, ResultContext context) => new()
    {
        BlockType = assignment.Job.Type,
        BlockVersion = assignment.Job.BlockVersion,
        ProviderId = assignment.Executor.ProviderId,
        WorkerId = context.WorkerId,
        Pool = context.Pool,
        Attempt = assignment.Attempt ?? JobDefaults.Attempt,
        Delivery = context.Delivery,
        Replay = context.Replay,
        Metrics = step.Metrics,
    };

    private static WireError ErrorOf(ExecAssignment assignment, StepResult step)
    {
        var details = step.ErrorDetails is { Length: <= MaxDetailsBytes } fitting ? fitting : (RawJson?)null;
        return WireError.Of(
            step.ErrorCode,
            Cut(step.ErrorMessage ?? ErrorCatalogue.NameOf(step.ErrorCode)),
            step.Retryable,
            details: ErrorDetails.WithBlockType(details, assignment.Job.Type));
    }

    private static StepResult TooLarge(StepResult step, int size, int limit) => step with
    {
        Status = StepStatus.Error,
        ErrorCode = ErrorCode.ExecutionFailed,
        Outputs = null,
        ErrorMessage = $"The outputs take {size} bytes; at most {limit} are allowed.",
        ErrorDetails = ErrorDetails.Of(new KeyValuePair<string, string>("reason", Outcomes.Reasons.OutputTooLarge)),
        Retryable = false,
    };

    private static string StatusOf(StepStatus status) => status switch
    {
        StepStatus.Ok => TaskStates.Success,
        StepStatus.Error => TaskStates.Error,
        StepStatus.Timeout => TaskStates.Timeout,
        StepStatus.Cancelled => TaskStates.Cancelled,
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Not a status of the contract."),
    };

    private static string Cut(string message) => message.Length <= MaxMessageLength ? message : message[..MaxMessageLength] + "…";
}
