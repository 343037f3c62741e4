using System.Buffers;
using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.ExecutorHost.Leases;

/// <summary>What is reported when a step was stopped instead of ending by itself.</summary>
internal static class StopReports
{
    public static LeaseReport Of(HeldLease lease, StopCause cause, TimeSpan ran, bool stuck = false, StepMetrics? metrics = null)
    {
        var result = Result(lease, cause, ran, stuck) with { Metrics = metrics };
        var handsOver = cause is StopCause.Shutdown or StopCause.LostLease && !lease.Wire.StartRequired;
        return new LeaseReport
        {
            Lease = lease.Number,
            // The step was cut off through no fault of its own: it goes on elsewhere, unless it must not run twice.
            Kind = handsOver ? ReportKinds.RetryAt : ReportKinds.Ended,
            RetryAfterMs = handsOver ? 0 : null,
            Result = result,
            RanMs = RanMs(lease, ran),
            RetriesUsed = lease.RetriesUsed,
        };
    }

    /// <summary>Never started here: back to the queue, uncounted.</summary>
    public static LeaseReport HandedBack(HeldLease lease) => new()
    {
        Lease = lease.Number,
        Kind = ReportKinds.HandedBack,
        RanMs = lease.Wire.RanMs,
        RetriesUsed = lease.RetriesUsed,
    };

    public static long RanMs(HeldLease lease, TimeSpan ran) => lease.Wire.RanMs + (long)ran.TotalMilliseconds;

    private static StepResult Result(HeldLease lease, StopCause cause, TimeSpan ran, bool stuck)
    {
        var (status, code, message, reason) = cause switch
        {
            StopCause.User => (StepStatus.Cancelled, ErrorCode.CancelledByUser, "The task was cancelled.", "cancelled"),
            StopCause.Deadline => (StepStatus.Timeout, ErrorCode.Timeout, "The step ran longer than timeout_ms allows.", "timeout"),
            StopCause.CpuTime => (StepStatus.Error, ErrorCode.ExecutionFailed, "The step used more CPU time than it may.", "cpu_time"),
            StopCause.AttemptTimeout => (StepStatus.Error, ErrorCode.Timeout, "The attempt ran longer than attempt_timeout_ms allows.", "attempt_timeout"),
            StopCause.Shutdown => (StepStatus.Error, ErrorCode.InternalError, "The worker ended before the step did.", Outcomes.Reasons.WorkerLost),
            _ => (StepStatus.Error, ErrorCode.InternalError, "The worker lost its lease on the step.", Outcomes.Reasons.WorkerLost),
        };
        return new StepResult
        {
            Status = status,
            ErrorCode = code,
            ErrorMessage = stuck ? message + " The block ignored its cancellation." : message,
            ErrorDetails = Details(reason, cause, stuck),
            Retryable = cause is not (StopCause.User or StopCause.CpuTime),
            Metadata = StepMetadata.Of(lease.Assignment),
            LatencyMs = RanMs(lease, ran),
            RetriesUsed = lease.RetriesUsed,
        };
    }

    private static RawJson Details(string reason, StopCause cause, bool stuck)
    {
        var buffer = new ArrayBufferWriter<byte>(96);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("reason", reason);
            writer.WriteString("cause", CauseNames.Of(cause));
            if (stuck)
            {
                writer.WriteBoolean("stuck", true);
            }

            writer.WriteEndObject();
        }

        return new RawJson(buffer.WrittenMemory);
    }
}

/// <summary>Causes as details, logs and metrics name them.</summary>
internal static class CauseNames
{
    public static string Of(StopCause cause) => cause switch
    {
        StopCause.None => "none",
        StopCause.User => "user",
        StopCause.Deadline => "deadline",
        StopCause.AttemptTimeout => "attempt_timeout",
        StopCause.CpuTime => "cpu_time",
        StopCause.Shutdown => "shutdown",
        StopCause.LostLease => "lost_lease",
        _ => throw new ArgumentOutOfRangeException(nameof(cause), cause, "Not a cause."),
    };
}
