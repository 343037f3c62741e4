namespace Beamline.Scheduler.Lanes;

internal static class Backoff
{
    /// <summary>The pause after the n-th failure in a row (from 1): doubled each time, never above <paramref name="longest"/>.</summary>
    public static TimeSpan Of(TimeSpan first, TimeSpan longest, int failures)
    {
        var factor = 1L << Math.Clamp(failures - 1, 0, 30);
        return first.Ticks > longest.Ticks / factor ? longest : TimeSpan.FromTicks(first.Ticks * factor);
    }
}
