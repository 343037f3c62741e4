namespace Beamline.Gateway.Waiting;

/// <summary>The end of a client's wait: its time is over, the client has gone, or the gateway stops.</summary>
internal sealed class WaitClock(TimeProvider time, IHostApplicationLifetime lifetime)
{
    public CancellationToken Stopping => lifetime.ApplicationStopping;

    public WaitEnd Begin(TimeSpan wait, CancellationToken client) => new(wait, time, client, lifetime.ApplicationStopping);
}

internal sealed class WaitEnd : IDisposable
{
    private readonly CancellationTokenSource _time;
    private readonly CancellationTokenSource _any;

    public WaitEnd(TimeSpan wait, TimeProvider time, CancellationToken client, CancellationToken stopping)
    {
        _time = new CancellationTokenSource(wait, time);
        _any = CancellationTokenSource.CreateLinkedTokenSource(_time.Token, client, stopping);
    }

    public CancellationToken Token => _any.Token;

    public void Dispose()
    {
        _any.Dispose();
        _time.Dispose();
    }
}
