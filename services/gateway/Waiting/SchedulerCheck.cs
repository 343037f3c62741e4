using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Beamline.Gateway.Waiting;

/// <summary>
/// Part of <c>/_health</c> alone: without a scheduler the gateway is alive and queues on the bus, but cannot answer reads.
/// The stream of results is the evidence, since it costs no call.
/// </summary>
internal sealed class SchedulerCheck(WatchFeed feed) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(feed.IsOpen ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("no scheduler answers: reads fail, submits go over the bus"));
}
