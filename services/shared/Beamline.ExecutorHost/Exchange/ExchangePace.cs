using Beamline.ExecutorHost.Running;

namespace Beamline.ExecutorHost.Exchange;

/// <summary>The time limits and pauses of the exchange.</summary>
internal sealed class ExchangePace(WorkerOptions options, TimeProvider clock, Jitter jitter)
{
    /// <summary>A call that was answered sooner than this, with nothing in it, was not really held.</summary>
    public const int CalmHeldMs = 10;

    private const int FewIdleAnswers = 8;

    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan CalmPause = TimeSpan.FromMilliseconds(5);

    /// <summary>Fires when a call has had the time that holding it may take, and a second more.</summary>
    public CallLimit Limit(CancellationToken cancellation) => new(options.HoldTime + TimeSpan.FromSeconds(1), clock, cancellation);

    /// <summary>True when repeating a call helps no more: a fresh one says better what is held, and what was granted unseen is taken back uncounted.</summary>
    public bool IsStale(TimeSpan age) => age > options.HoldTime + TimeSpan.FromSeconds(3);

    /// <summary>Half fixed, half chance, so that the workers of a restarted scheduler do not come back as one.</summary>
    public Task BackOffAsync(int failures, CancellationToken cancellation)
    {
        var ceiling = FirstBackOff * Math.Pow(2, Math.Min(failures, 10));
        ceiling = ceiling < LongestBackOff ? ceiling : LongestBackOff;
        return Task.Delay((ceiling / 2) + jitter.UpTo(ceiling / 2), clock, cancellation);
    }

    /// <summary>Answers that come at once and bring nothing, again and again, must not become a hot loop.</summary>
    public Task CalmAsync(int idleAnswers, CancellationToken cancellation) =>
        idleAnswers < FewIdleAnswers ? Task.CompletedTask : Task.Delay(CalmPause, clock, cancellation);
}

/// <summary>A time limit on the injected clock, joined with the caller's token.</summary>
internal sealed class CallLimit : IDisposable
{
    private readonly CancellationTokenSource _limit;
    private readonly CancellationTokenSource _joined;

    public CallLimit(TimeSpan time, TimeProvider clock, CancellationToken cancellation)
    {
        _limit = new CancellationTokenSource(time, clock);
        _joined = CancellationTokenSource.CreateLinkedTokenSource(_limit.Token, cancellation);
    }

    public CancellationToken Token => _joined.Token;

    public void Dispose()
    {
        _joined.Dispose();
        _limit.Dispose();
    }
}
