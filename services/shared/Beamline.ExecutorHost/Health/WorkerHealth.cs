using Beamline.ExecutorHost.Exchange;
using Beamline.ExecutorHost.Leases;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Beamline.ExecutorHost.Health;

/// <summary>For people and monitors: does the scheduler answer, do results get through, are slots lost.</summary>
internal sealed class WorkerHealth(LeaseBook book, SchedulerContact contact) : IHealthCheck
{
    // As long as a lease lives without renewal.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(15);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var state = book.State;
        var silence = contact.Silence;
        return Task.FromResult((silence, state) switch
        {
            _ when silence > LongestSilence => HealthCheckResult.Unhealthy($"The scheduler has not answered for {silence.TotalSeconds:0} s."),
            _ when book.IsFull => HealthCheckResult.Unhealthy($"{state.Unreported} results wait for the scheduler; no new work is taken."),
            _ when state.Stuck > 0 => HealthCheckResult.Degraded($"{state.Stuck} slots are lost to blocks that ignore their cancellation."),
            _ => HealthCheckResult.Healthy(),
        });
    }
}

/// <summary>For probes: fails only when a restart is the cure, which is when every slot is lost to stuck blocks.</summary>
internal sealed class WorkerAlive(LeaseBook book, WorkerIdentity worker) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(book.State.Stuck >= worker.Slots
            ? HealthCheckResult.Unhealthy("Every slot is lost to a block that ignores its cancellation.")
            : HealthCheckResult.Healthy());
}
