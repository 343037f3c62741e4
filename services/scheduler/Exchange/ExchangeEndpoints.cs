using Beamline.Contracts;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Admission;
using Beamline.Scheduler.Engine;

namespace Beamline.Scheduler.Exchange;

/// <summary><c>exchange</c>: the workers' held call.</summary>
internal static class ExchangeEndpoints
{
    public static void MapExchange(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapPost("/" + SchedulerMethods.Exchange, async (HttpContext context, SchedulingEngine engine) =>
        {
            if (await InvocationBody.ReadAsync(context, BeamlineJson.Default.ExchangeRequest) is not { } request)
            {
                return;
            }

            var faults = ExchangeRules.FaultsOf(request);
            if (faults.Count > 0)
            {
                await InvocationBody.RefuseAsync(context, StatusCodes.Status400BadRequest, WireError.Of(faults));
            }
            else if (!engine.HasRoomFor(request.Worker))
            {
                await InvocationBody.RefuseAsync(
                    context, StatusCodes.Status503ServiceUnavailable, WireError.Of(ErrorCode.SystemOverload, "The scheduler knows as many workers as it may.", retryAfterMs: 60_000));
            }
            else
            {
                await InvocationBody.WriteAsync(context, await engine.ExchangeAsync(request, context.RequestAborted), BeamlineJson.Default.ExchangeResponse);
            }
        });
}
