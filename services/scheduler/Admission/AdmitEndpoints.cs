using Beamline.Contracts;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Engine;

namespace Beamline.Scheduler.Admission;

/// <summary><c>admit</c>: a micro-batch of assignments, answered item by item.</summary>
internal static class AdmitEndpoints
{
    /// <summary>Items of one call; a batch is cut at 2 MiB long before for all but the tiniest.</summary>
    public const int MaxItems = 4_096;

    public static void MapAdmit(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapPost("/" + SchedulerMethods.Admit, async (HttpContext context, SchedulingEngine engine) =>
        {
            if (await InvocationBody.ReadAsync(context, BeamlineJson.Default.AdmitRequest) is not { } request)
            {
                return;
            }

            if (request.Items is not { Count: > 0 and <= MaxItems } || request.Items.Any(i => i is null || i.Assignment.IsEmpty || i.Source is not (AdmitSources.Gateway or AdmitSources.Bus)))
            {
                await InvocationBody.RefuseAsync(
                    context, StatusCodes.Status400BadRequest, WireError.Of(ErrorCode.InvalidInput, $"items must hold 1 to {MaxItems} assignments, each with source gateway or bus.", field: "items"));
                return;
            }

            var outcomes = await engine.AdmitAsync(request.Items, request.Watcher, context.RequestAborted);
            await InvocationBody.WriteAsync(context, new AdmitResponse { Items = outcomes }, BeamlineJson.Default.AdmitResponse);
        });
}
