using Beamline.Contracts;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.DaprAccess;

namespace Beamline.ExecutorHost.Exchange;

/// <summary>The process boundary towards the scheduler.</summary>
internal interface ISchedulerLink
{
    /// <exception cref="DaprException">No answer, or not one that can be read.</exception>
    Task<ExchangeResponse> ExchangeAsync(ExchangeRequest request, CancellationToken cancellation);
}

internal sealed class DaprSchedulerLink(DaprClient dapr) : ISchedulerLink
{
    public Task<ExchangeResponse> ExchangeAsync(ExchangeRequest request, CancellationToken cancellation) => dapr.InvokeMethodAsync(
        AppIds.Scheduler,
        SchedulerMethods.Exchange,
        request,
        BeamlineJson.Default.ExchangeRequest,
        BeamlineJson.Default.ExchangeResponse,
        cancellation);
}
