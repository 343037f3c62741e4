using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Leases;
using Beamline.Observability;
using Beamline.Observability.Faults;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Running;

/// <summary>
/// Runs one leased step: its attempts, the waits between them as long as they are short, and the report at the end. Deadlines and
/// cancellations come from the book through the attempt's token. Never throws: whatever happens becomes a report.
/// </summary>
internal sealed class StepRunner(
    BlockRegistry blocks, LeaseBook book, RetryPolicy retries, ExecutorMetrics metrics, StepRequests requests, StepLimits limits, TimeProvider clock, ILogger<StepRunner> logger)
{
    public async Task<LeaseReport> RunAsync(HeldLease lease)
    {
        Failpoints.Hit("executor.before-run");
        using var span = BeamlineTracing.StartExecute(requests.SpanIds(lease), lease.Assignment.Traceparent, lease.Assignment.Tracestate);
        var step = new StepRun(lease, book);
        LeaseReport report;
        try
        {
            report = await AttemptsAsync(step);
        }
        catch (Exception bug)
        {
            // A fault of the host's own; the blocks' are caught where they run.
            logger.BlockThrew(bug, lease.Job.Type, lease.Wire.AssignmentId, lease.Wire.TenantId);
            report = StepReports.Failed(step, StepReports.Threw(lease.Job.Type, bug));
        }

        Failpoints.Hit("executor.after-run");
        report = StepReports.Checked(step, report, logger);
        if (lease.CountOnce())
        {
            metrics.StepEnded(lease.Job.Type, report.Result!, step.Ran.TotalMilliseconds, step.StoppedBy);
        }

        metrics.CpuUsed(step.Used.CpuMs);
        if (report.Result!.Status != StepStatus.Ok)
        {
            span?.SetStatus(System.Diagnostics.ActivityStatusCode.Error, ErrorCatalogue.NameOf(report.Result.ErrorCode));
        }

        return report;
    }

    private async Task<LeaseReport> AttemptsAsync(StepRun step)
    {
        var lease = step.Lease;
        if (lease.Wire.ExpiresAt is { } expires && clock.GetUtcNow().ToUnixTimeMilliseconds() >= expires)
        {
            return StepReports.Expired(step);
        }

        if (blocks.Find(lease.Job.Type) is not { } block)
        {
            return StepReports.Failed(step, BlockOutcome.Failed(
                ErrorCode.InvalidInput, $"This worker does not run {lease.Job.Type}.", retryable: false));
        }

        if (limits.RefusalOf(lease.Job) is { } refusal)
        {
            return StepReports.Failed(step, refusal);
        }

        var token = lease.Attempt!.Token;
        while (true)
        {
            var outcome = await AttemptAsync(block, step, token);
            if (outcome.IsOk)
            {
                return StepReports.Succeeded(step, outcome);
            }

            if (book.CauseOf(lease) is var cause and not StopCause.None)
            {
                if (cause != StopCause.AttemptTimeout)
                {
                    return Stopped(step, cause);
                }

                outcome = StepReports.AttemptTimedOut();
            }

            if (!(outcome.Retryable ?? ErrorCatalogue.IsRetryable(outcome.Code)) || lease.RetriesUsed >= lease.Job.MaxRetries)
            {
                return StepReports.Failed(step, outcome);
            }

            var delay = retries.DelayBefore(lease.RetriesUsed + 1, lease.Job.BackoffMs, outcome.RetryAfter);
            logger.Retried(lease.Wire.AssignmentId, lease.Wire.TenantId, outcome.Code, lease.RetriesUsed + 1, (long)delay.TotalMilliseconds);
            token = book.BeginRetry(lease, StepReports.RetryNote(outcome, lease.RetriesUsed + 1, delay));
            // at_most_once never leaves this worker once started, however long the wait.
            if (delay > RetryPolicy.LongestInPlace && !lease.Wire.StartRequired)
            {
                return StepReports.RetryAt(step, outcome, delay);
            }

            if (delay >= step.TimeLeft)
            {
                return StepReports.OutOfTime(step, outcome);
            }

            if (!await WaitAsync(delay, token))
            {
                return Stopped(step, book.CauseOf(lease));
            }

            book.BeginAttempt(lease);
        }
    }

    // One attempt. An outcome of failure under a fired token is only the echo of the stop: the caller asks for its cause.
    private async ValueTask<BlockOutcome> AttemptAsync(IBlockExecutor block, StepRun step, CancellationToken token)
    {
        var lease = step.Lease;
        var start = ThreadUsage.Now();
        var synchronous = true;
        try
        {
            lease.Cpu = CpuMeter.Start(limits.CpuTimeMsOf(lease.Job) - step.Used.CpuMs);
            var running = block.ExecuteAsync(StepRequests.Request(block, step), requests.Context(step), token);
            synchronous = running.IsCompleted;
            // From here on the thread may work for others.
            lease.Cpu = null;
            step.Use(ThreadUsage.Now().Since(start) with { Exact = synchronous });
            var outcome = await running;
            return outcome.IsOk && outcome.Outputs.Length > lease.Job.MaxOutputBytes
                ? StepReports.OutputTooLarge(outcome.Outputs.Length, lease.Job.MaxOutputBytes)
                : outcome;
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            return StepReports.Interrupted;
        }
        catch (Exception thrown)
        {
            logger.BlockThrew(thrown, lease.Job.Type, lease.Wire.AssignmentId, lease.Wire.TenantId);
            return StepReports.Threw(lease.Job.Type, thrown);
        }
        finally
        {
            lease.Cpu = null;
        }
    }

    private LeaseReport Stopped(StepRun step, StopCause cause)
    {
        var (lease, ran) = (step.Lease, step.Ran);
        step.StoppedBy = cause;
        logger.Stopped(lease.Wire.AssignmentId, lease.Wire.TenantId, CauseNames.Of(cause), (long)ran.TotalMilliseconds);
        return StopReports.Of(lease, cause, ran, metrics: step.Used.ToMetrics());
    }

    private async ValueTask<bool> WaitAsync(TimeSpan delay, CancellationToken token)
    {
        try
        {
            await Task.Delay(delay, clock, token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
