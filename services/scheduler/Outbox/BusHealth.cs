using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Beamline.Scheduler.Outbox;

/// <summary>Says on <c>/_health</c> that the bus takes nothing. Never on <c>/healthz</c>: results then wait in the outbox, and work goes on.</summary>
internal sealed class BusHealth(BusPublisher bus) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        bus.AwaySince is { } since
            ? HealthCheckResult.Unhealthy($"the bus has taken nothing since {since:O}: {bus.LastFailure}")
            : HealthCheckResult.Healthy());
}
