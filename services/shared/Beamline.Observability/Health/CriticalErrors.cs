using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Serilog.Core;
using Serilog.Events;

namespace Beamline.Observability;

/// <summary>Section <c>Health:CriticalErrors</c>.</summary>
public sealed class CriticalErrorsOptions
{
    /// <summary>How long an error keeps <c>/_health</c> at 503.</summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How many ERROR log lines within the window make the service unhealthy. One that was reported as critical is enough by itself.</summary>
    public int MaxErrorLogs { get; set; } = 50;
}

/// <summary>
/// The errors of the recent window, for people and monitors. It only tells: nothing restarts because of it. Log lines of level
/// ERROR count by themselves; what must be seen at once is reported.
/// </summary>
public sealed class CriticalErrors(IOptions<CriticalErrorsOptions> options, TimeProvider time) : ILogEventSink, IHealthCheck
{
    // Guards all below.
    private readonly Lock _lock = new();

    // The times of the last errors, the oldest overwritten first: as many as are needed to tell "too many".
    private readonly long[] _errors = new long[options.Value.MaxErrorLogs];
    private long _errorCount;
    private long? _reportedAt;
    private string _reason = "";

    /// <summary>Makes the service unhealthy for one window. The reason is shown to callers of <c>/_health</c>: no secrets.</summary>
    public void Report(string reason)
    {
        lock (_lock)
        {
            (_reportedAt, _reason) = (time.GetTimestamp(), reason);
        }
    }

    void ILogEventSink.Emit(LogEvent logEvent)
    {
        if (logEvent.Level < LogEventLevel.Error)
        {
            return;
        }

        lock (_lock)
        {
            _errors[_errorCount++ % _errors.Length] = time.GetTimestamp();
        }
    }

    Task<HealthCheckResult> IHealthCheck.CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_reportedAt is { } reportedAt && IsRecent(reportedAt))
            {
                return Task.FromResult(HealthCheckResult.Unhealthy(_reason));
            }

            // The slot to be overwritten next holds the oldest: if that is recent, all are.
            return Task.FromResult(_errorCount >= _errors.Length && IsRecent(_errors[_errorCount % _errors.Length])
                ? HealthCheckResult.Unhealthy($"{_errors.Length} or more errors were logged within {options.Value.Window}")
                : HealthCheckResult.Healthy());
        }
    }

    private bool IsRecent(long timestamp) => time.GetElapsedTime(timestamp) < options.Value.Window;
}
