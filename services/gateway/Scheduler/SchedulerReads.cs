using System.Text.Json.Serialization.Metadata;
using Beamline.Contracts;
using Beamline.DaprAccess;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Scheduler;

/// <summary>Questions to the scheduler that a client waits for: within a time, or not at all.</summary>
internal sealed class SchedulerReads(DaprClient dapr, IOptions<GatewayOptions> options, TimeProvider time)
{
    /// <param name="method">One of <see cref="SchedulerMethods"/>.</param>
    /// <param name="request">The question.</param>
    /// <param name="requestType">Its JSON.</param>
    /// <param name="responseType">The answer's JSON.</param>
    /// <param name="held">How long the scheduler may hold the call, beyond the usual time.</param>
    /// <param name="ct">The client's.</param>
    /// <returns>Null when no scheduler answers.</returns>
    public async Task<TResponse?> AskAsync<TRequest, TResponse>(
        string method, TRequest request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TResponse> responseType, TimeSpan held, CancellationToken ct)
        where TResponse : class
    {
        using var timeout = new CancellationTokenSource(options.Value.ReadTimeout + held, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ct);
        try
        {
            return await dapr.InvokeMethodAsync(AppIds.Scheduler, method, request, requestType, responseType, either.Token).ConfigureAwait(false);
        }
        catch (DaprException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }
}
