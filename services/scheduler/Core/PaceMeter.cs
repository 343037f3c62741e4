namespace Beamline.Scheduler.Core;

/// <summary>How many tasks end a second, over the last few seconds: what a refused client is told about when to come back.</summary>
internal sealed class PaceMeter
{
    private const long WindowMs = 5_000;
    private long _since;
    private long _endedThen;
    private double _perSecond;

    public void Observe(long now, long ended)
    {
        if (now - _since < WindowMs)
        {
            return;
        }

        if (_since > 0)
        {
            _perSecond = (ended - _endedThen) * 1000.0 / (now - _since);
        }

        (_since, _endedThen) = (now, ended);
    }

    public void ClockWasSet(long byMs) => _since = Math.Max(0, _since + byMs);

    /// <summary>The time to work off a tenth of the bound, between a quarter of a second and a minute; five seconds when nothing ends.</summary>
    public long RetryAfterMs(long now, int bound) =>
        _perSecond <= 0 || now - _since > 4 * WindowMs ? 5_000 : (long)Math.Clamp(bound / 10.0 / _perSecond * 1000, 250, 60_000);
}
