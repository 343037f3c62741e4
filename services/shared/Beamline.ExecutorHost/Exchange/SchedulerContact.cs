using Beamline.ExecutorHost.Leases;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Exchange;

/// <summary>Whether the scheduler answers: said once when it stops, once when it does again.</summary>
internal sealed class SchedulerContact(LeaseBook book, ILogger<SchedulerContact> logger)
{
    private long _lastAnswerTicks;
    private int _lost;

    /// <summary>Since the last answer, or since the start.</summary>
    public TimeSpan Silence => book.Now - TimeSpan.FromTicks(Interlocked.Read(ref _lastAnswerTicks));

    public void Answered()
    {
        var silence = Silence;
        Interlocked.Exchange(ref _lastAnswerTicks, book.Now.Ticks);
        if (Interlocked.Exchange(ref _lost, 0) == 1)
        {
            logger.SchedulerBack((long)silence.TotalMilliseconds);
        }
    }

    public void Failed(Exception failure)
    {
        if (Interlocked.Exchange(ref _lost, 1) == 0)
        {
            logger.SchedulerLost(failure.Message);
        }
    }
}
