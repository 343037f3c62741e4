namespace Beamline.Scheduler.Core.Tenants;

/// <summary>Tokens come at a steady rate up to the burst; each thing let through takes one. Starts full. Times are Unix milliseconds.</summary>
internal sealed class TokenBucket(RatePolicy policy, long now)
{
    private double _tokens = policy.Burst;
    private long _at = now;

    /// <summary>Milliseconds until a token is there; 0: one is.</summary>
    public long WaitMs(long now)
    {
        Refill(now);
        return _tokens >= 1 ? 0 : Math.Max(1, (long)Math.Ceiling((1 - _tokens) / policy.PerSecond * 1000));
    }

    public void Take(long now)
    {
        Refill(now);
        _tokens -= 1;
    }

    public bool IsFull(long now)
    {
        Refill(now);
        return _tokens >= policy.Burst;
    }

    public void ClockWasSet(long byMs) => _at += byMs;

    private void Refill(long now)
    {
        if (now > _at)
        {
            _tokens = Math.Min(policy.Burst, _tokens + ((now - _at) / 1000.0 * policy.PerSecond));
            _at = now;
        }
    }
}
