using System.Collections.Concurrent;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Beamline.Sidecar.Resiliency;

/// <summary>One try's end: the result, and whether it counts as a failure and may be retried.</summary>
internal readonly record struct Attempt(object? Result, bool Failed, bool Retryable);

/// <summary>
/// Runs calls under their target's policy, in Dapr's order: retry around breaker around timeout. A failed last try is returned,
/// not thrown, so that the callee's answer passes unchanged.
/// </summary>
internal sealed class PolicyRunner(ResiliencyPolicies policies, TimeProvider time)
{
    // An app's breaker is kept per method path, as Dapr does; a caller that makes up paths gets the one without.
    private const int MaxPipelines = 4_096;
    private readonly ConcurrentDictionary<(string Kind, string Caller, string Target, string Path), ResiliencePipeline<Attempt>> _pipelines = new();

    public TargetPolicy ForApp(string caller, string appId) => policies.ForApp(caller, appId);

    public TargetPolicy ForComponent(string caller, string name, string direction) => policies.ForComponent(caller, name, direction);

    /// <exception cref="BreakerOpenException">The call was not made.</exception>
    /// <exception cref="TimeoutRejectedException">The last try took too long.</exception>
    public ValueTask<Attempt> RunAsync<TState>(
        TargetPolicy policy, (string Kind, string Caller, string Target, string Path) key,
        Func<TState, CancellationToken, ValueTask<Attempt>> call, TState state, CancellationToken cancellation)
    {
        if (policy.IsNone)
        {
            return call(state, cancellation);
        }

        if (policy.Breaker is null || _pipelines.Count >= MaxPipelines)
        {
            key.Path = "";
        }

        // The breaker is state: without one, all paths share a pipeline.
        var pipeline = _pipelines.GetOrAdd(key, static (_, made) => made.Runner.Build(made.Policy), (Runner: this, Policy: policy));
        return pipeline.ExecuteAsync(
            static (bound, token) => bound.call(bound.state, token), (call, state), cancellation);
    }

    private ResiliencePipeline<Attempt> Build(TargetPolicy policy)
    {
        var builder = new ResiliencePipelineBuilder<Attempt> { TimeProvider = time };
        if (policy.Retry is { MaxRetries: not 0 } retry)
        {
            builder.AddRetry(new RetryStrategyOptions<Attempt>
            {
                MaxRetryAttempts = retry.MaxRetries < 0 ? int.MaxValue : retry.MaxRetries,
                BackoffType = retry.Exponential ? DelayBackoffType.Exponential : DelayBackoffType.Constant,
                Delay = retry.Exponential ? TimeSpan.FromMilliseconds(500) : retry.Duration,
                MaxDelay = retry.MaxInterval,
                UseJitter = retry.Exponential,
                ShouldHandle = arguments => new(arguments.Outcome switch
                {
                    { Exception: BreakerOpenException or OperationCanceledException } => false,
                    { Exception: not null } => true,
                    { Result: var attempt } => attempt.Retryable,
                }),
                OnRetry = static arguments =>
                {
                    (arguments.Outcome.Result.Result as IDisposable)?.Dispose();
                    return default;
                },
            });
        }

        if (policy.Breaker is { } breaker)
        {
            builder.AddStrategy(_ => new ConsecutiveFailuresBreaker(breaker, time), new BreakerOptions());
        }

        if (policy.Timeout is { } timeout && timeout > TimeSpan.Zero)
        {
            builder.AddTimeout(timeout);
        }

        return builder.Build();
    }

    private sealed class BreakerOptions : ResilienceStrategyOptions;
}
