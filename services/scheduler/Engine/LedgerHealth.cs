using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Beamline.Scheduler.Engine;

/// <summary>Unhealthy while the disk takes no commits. Not a liveness check: a restart makes no room on a disk.</summary>
internal sealed class LedgerHealth(SchedulingEngine engine) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        engine.IsStalled
            ? HealthCheckResult.Unhealthy("The ledger's disk takes no commits; admission refuses until it does.")
            : HealthCheckResult.Healthy());
}
