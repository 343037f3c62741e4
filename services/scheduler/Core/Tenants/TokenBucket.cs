namespace Beamline.Scheduler.Core.Tenants;

/// <summary>
/// Tokens come at a steady rate up to the burst; each thing let through takes one. Starts full. Without a policy it lets everything
/// through. Times are Unix milliseconds. A mutable value: to be kept in a field and never copied.
/// </summary>
internal struct TokenBucket(RatePolicy? policy, long now)
{
    private readonly RatePolicy? _policy = policy;
    private double _tokens = policy?.Burst ?? 0;
    private long _at = now;

    /// <summary>Milliseconds until a token is there; 0: one is.</summary>
    public long WaitMs(long now)
    {
        if (_policy is null)
        {
            return 0;
        }

        Refill(now);
        return _tokens >= 1 ? 0 : Math.Max(1, (long)Math.Ceiling((1 - _tokens) / _policy.PerSecond * 1000));
    }

    public void Take(long now)
    {
        if (_policy is not null)
        {
            Refill(now);
            _tokens -= 1;
        }
    }

    public bool IsFull(long now)
    {
        if (_policy is null)
        {
            return true;
        }

        Refill(now);
        return _tokens >= _policy.Burst;
    }

    public void ClockWasSet(long byMs) => _at += byMs;

    private void Refill(long now)
    {
        if (now > _at)
        {
            _tokens = Math.Min(_policy!.Burst, _tokens + ((now - _at) / 1000.0 * _policy.PerSecond));
            _at = now;
        }
    }
}
