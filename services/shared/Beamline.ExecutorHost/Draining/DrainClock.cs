namespace Beamline.ExecutorHost.Draining;

/// <summary>The time limits of the drain, and waiting within them on the injected clock.</summary>
internal sealed class DrainClock(WorkerOptions options, TimeProvider clock)
{
    /// <summary>How often deadlines are looked at: no step is stopped later than this after its time.</summary>
    public static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(50);

    public static readonly TimeSpan LastReportTime = TimeSpan.FromSeconds(1);

    public TimeSpan DrainTimeout => options.DrainTimeout;

    /// <summary>For stopped blocks to come back, or to be given up, and for the reports on them.</summary>
    public TimeSpan StopTime => options.StuckGrace + TimeSpan.FromSeconds(1);

    public TimeSpan LastAnswerTime => options.HoldTime + TimeSpan.FromSeconds(1);

    /// <summary>All of it: what the host's shutdown, and the sidecar's block-shutdown duration, must allow.</summary>
    public static TimeSpan LongestDrain(WorkerOptions options)
    {
        var limits = new DrainClock(options, TimeProvider.System);
        return limits.DrainTimeout + limits.StopTime + limits.LastAnswerTime + LastReportTime;
    }

    public ITimer Every(TimeSpan interval, Action act) => clock.CreateTimer(_ => act(), null, interval, interval);

    /// <summary>False when <paramref name="task"/> took longer than <paramref name="limit"/>, or the host wants to wait no more.</summary>
    public async Task<bool> WithinAsync(Task task, TimeSpan limit, CancellationToken cancellation)
    {
        try
        {
            await task.WaitAsync(limit, clock, cancellation).ConfigureAwait(false);
            return true;
        }
        catch (Exception late) when (late is TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }
}
