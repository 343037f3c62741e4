using Beamline.Contracts.Assignments;

namespace Beamline.ExecutorHost.Running;

/// <summary>When the next attempt comes: exponential backoff with full jitter, capped. Longer wishes of the other side win.</summary>
internal sealed class RetryPolicy(Jitter jitter)
{
    /// <summary>A retry this close is made in place, with the slot kept; a later one gives the lease back.</summary>
    public static readonly TimeSpan LongestInPlace = TimeSpan.FromSeconds(1);

    /// <summary>The wait before retry number <paramref name="retry"/>, counted from 1.</summary>
    public TimeSpan DelayBefore(int retry, long backoffMs, TimeSpan? retryAfter)
    {
        // Past 2^20 every backoff but zero is above the cap, and the shift stays far from overflowing.
        var ceiling = Math.Min(JobDefaults.MaxBackoffMs, backoffMs << Math.Min(retry - 1, 20));
        var delay = jitter.UpTo(TimeSpan.FromMilliseconds(ceiling));
        return retryAfter is { } asked && asked > delay ? asked : delay;
    }
}
