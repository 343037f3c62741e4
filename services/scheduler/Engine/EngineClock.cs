namespace Beamline.Scheduler.Engine;

/// <summary>
/// Unix milliseconds that pass as the monotonic clock does: a lease's term and a hold last as long as they say, whatever is done
/// to the machine's clock. When that was set (or the machine slept), the difference is told once. Used under the engine's lock.
/// </summary>
internal sealed class EngineClock(TimeProvider time)
{
    /// <summary>Less than this is drift, and not worth moving every timer for.</summary>
    private const long LeastJumpMs = 1_000;

    private readonly long _origin = time.GetTimestamp();
    private long _start = time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <param name="jumpMs">By how much the wall clock was set since the last look; 0 nearly always.</param>
    public long Now(out long jumpMs)
    {
        var now = _start + (long)time.GetElapsedTime(_origin).TotalMilliseconds;
        var ahead = time.GetUtcNow().ToUnixTimeMilliseconds() - now;
        jumpMs = Math.Abs(ahead) >= LeastJumpMs ? ahead : 0;
        _start += jumpMs;
        return now + jumpMs;
    }
}
