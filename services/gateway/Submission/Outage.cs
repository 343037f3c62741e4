namespace Beamline.Gateway.Submission;

/// <summary>Remembers that the other side did not answer: until it does, one call in <paramref name="probeInterval"/> tries it.</summary>
internal sealed class Outage(TimeProvider time, TimeSpan probeInterval)
{
    // Zero: it answers. Else the timestamp from which the next probe may go.
    private long _probeAt;

    public bool IsOver => Volatile.Read(ref _probeAt) == 0;

    /// <summary>True for everyone while it answers, and for one caller an interval while it does not.</summary>
    public bool MayTry()
    {
        var probeAt = Volatile.Read(ref _probeAt);
        return probeAt == 0
            || (time.GetTimestamp() >= probeAt && Interlocked.CompareExchange(ref _probeAt, NextProbe(), probeAt) == probeAt);
    }

    /// <returns>True when this is news.</returns>
    public bool Began() => Interlocked.Exchange(ref _probeAt, NextProbe()) == 0;

    /// <returns>True when this is news.</returns>
    public bool Ended() => Interlocked.Exchange(ref _probeAt, 0) != 0;

    // Never zero, which means that all is well.
    private long NextProbe() => Math.Max(1, time.GetTimestamp() + (long)(probeInterval.TotalSeconds * time.TimestampFrequency));
}
