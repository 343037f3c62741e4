namespace Beamline.Scheduler.Engine;

/// <summary>Unix milliseconds that never go back, whatever is done to the machine's clock. Used under the engine's lock.</summary>
internal sealed class EngineClock(TimeProvider time)
{
    private long _last;

    public long Now() => _last = Math.Max(_last, time.GetUtcNow().ToUnixTimeMilliseconds());
}
