using Beamline.Contracts.Exchange;
using Beamline.ExecutorHost.Leases;
using Beamline.ExecutorHost.Running;
using Beamline.Observability.Faults;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Exchange;

/// <summary>
/// One of the two channels to the scheduler, one call out at a time. <c>work</c> is always out; <c>report</c> goes out when there is
/// something to say, and what comes up meanwhile gathers for the next call.
/// </summary>
internal sealed class ExchangeChannel(
    string name, LeaseBook book, ISchedulerLink link, SchedulerContact contact, ExchangePace pace, ExecutorMetrics metrics, ILogger<ExchangeChannel> logger)
{
    /// <summary>Ends when the token fires; <c>work</c> also when the worker is drained and holds nothing more.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var idle = 0;
        while (true)
        {
            if (name == ExchangeChannels.Report)
            {
                await book.ReportWanted.WaitAsync(cancellation).ConfigureAwait(false);
            }
            else if (book.IsDrained)
            {
                return;
            }

            if (book.Open(name) is not { } call)
            {
                continue;
            }

            if (await AskAsync(call, cancellation).ConfigureAwait(false) is not { } answer)
            {
                book.GiveUp(call);
                continue;
            }

            if (answer.Leases.Count > 0)
            {
                Failpoints.Hit("executor.after-lease");
            }

            book.Settle(call, answer);
            idle = IsIdle(answer) ? idle + 1 : 0;
            await pace.CalmAsync(idle, cancellation).ConfigureAwait(false);
        }
    }

    // Repeats the call under its seq until it is answered, or so old that a new one is worth more. Null: no answer.
    private async Task<ExchangeResponse?> AskAsync(ExchangeCall call, CancellationToken cancellation)
    {
        if (call.Request.Reports is not null)
        {
            Failpoints.Hit("executor.before-report");
        }

        for (var failures = 0; ; failures++)
        {
            try
            {
                using var limit = pace.Limit(cancellation);
                var answer = await link.ExchangeAsync(call.Request, limit.Token).ConfigureAwait(false);
                contact.Answered();
                if (answer.Seq == call.Request.Seq && !answer.Superseded)
                {
                    metrics.Exchanged(name, "answered");
                    return answer;
                }

                metrics.Exchanged(name, "superseded");
                logger.Superseded(name, call.Request.Seq);
                await pace.BackOffAsync(failures, cancellation).ConfigureAwait(false);
                return null;
            }
            catch (Exception failure) when (!cancellation.IsCancellationRequested)
            {
                // Whatever the way to the scheduler throws, time-outs included, the call has no answer.
                metrics.Exchanged(name, "failed");
                contact.Failed(failure);
            }

            await pace.BackOffAsync(failures, cancellation).ConfigureAwait(false);
            if (pace.IsStale(book.Now - call.FirstSent) || book.IsDrained)
            {
                return null;
            }
        }
    }

    private static bool IsIdle(ExchangeResponse answer) =>
        answer.HeldMs < ExchangePace.CalmHeldMs && answer.Leases.Count == 0 && answer.Accepted.Count == 0 && answer.Started.Count == 0;
}
