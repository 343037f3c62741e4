using Polly;

namespace Beamline.Sidecar.Resiliency;

/// <summary>The breaker is open: the target is not called, and the retry around it gives up at once.</summary>
internal sealed class BreakerOpenException() : Exception("circuit breaker is open");

/// <summary>
/// Dapr's circuit breaker as a Polly strategy (Polly's own counts ratios): opens after so many failures in a row, lets
/// <c>maxRequests</c> trial calls through after its timeout, closes when as many of them succeed.
/// </summary>
internal sealed class ConsecutiveFailuresBreaker(BreakerSettings settings, TimeProvider time) : ResilienceStrategy<Attempt>
{
    private readonly Lock _gate = new(); // guards all below
    private int _failures;
    private int _trials;
    private int _trialSuccesses;
    private long? _openedAt;
    private bool _halfOpen;
    private long _countingSince = time.GetTimestamp();

    protected override async ValueTask<Outcome<Attempt>> ExecuteCore<TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<Attempt>>> callback, ResilienceContext context, TState state)
    {
        if (!TryEnter())
        {
            return Outcome.FromException<Attempt>(new BreakerOpenException());
        }

        var outcome = await callback(context, state).ConfigureAwait(context.ContinueOnCapturedContext);
        Record(outcome.Exception is null && !outcome.Result.Failed);
        return outcome;
    }

    private bool TryEnter()
    {
        lock (_gate)
        {
            if (_openedAt is { } opened)
            {
                if (time.GetElapsedTime(opened) < settings.Timeout)
                {
                    return false;
                }

                (_openedAt, _halfOpen, _trials, _trialSuccesses) = (null, true, 0, 0);
            }

            if (_halfOpen)
            {
                return _trials++ < settings.MaxRequests;
            }

            if (settings.Interval > TimeSpan.Zero && time.GetElapsedTime(_countingSince) >= settings.Interval)
            {
                (_failures, _countingSince) = (0, time.GetTimestamp());
            }

            return true;
        }
    }

    private void Record(bool success)
    {
        lock (_gate)
        {
            if (success)
            {
                _failures = 0;
                if (_halfOpen && ++_trialSuccesses >= settings.MaxRequests)
                {
                    _halfOpen = false;
                }
            }
            else if (_halfOpen || ++_failures >= settings.ConsecutiveFailures)
            {
                (_openedAt, _halfOpen, _failures) = (time.GetTimestamp(), false, 0);
            }
        }
    }
}
