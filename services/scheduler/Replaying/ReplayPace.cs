namespace Beamline.Scheduler.Replaying;

/// <summary>
/// Lets so many through a second: one at once, then as time passes. What was not taken is not saved up beyond a turn, so that a
/// replay that had to wait does not come as a burst. Owned by the loop.
/// </summary>
internal sealed class ReplayPace(double perSecond, TimeSpan turn, TimeProvider time)
{
    private readonly double _most = Math.Max(1, perSecond * turn.TotalSeconds);
    private long _last = time.GetTimestamp();
    private double _saved = 1;

    /// <summary>How many may go now.</summary>
    public int Due()
    {
        var now = time.GetTimestamp();
        _saved = Math.Min(_most, _saved + (time.GetElapsedTime(_last, now).TotalSeconds * perSecond));
        _last = now;
        return (int)_saved;
    }

    public void Take(int gone) => _saved -= gone;
}
