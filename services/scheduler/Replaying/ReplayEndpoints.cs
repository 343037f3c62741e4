using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Methods;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Scheduler.Replaying;

internal static class ReplayEndpoints
{
    /// <summary>Maps dead-letters/replay and replays/get.</summary>
    public static void MapReplaying(this IEndpointRouteBuilder endpoints)
    {
        var json = BeamlineJson.Default;
        var requests = endpoints.ServiceProvider.GetRequiredService<ReplayRequests>();
        endpoints.MapMethod(SchedulerMethods.ReplayDeadLetters, json.ReplayDeadLettersRequest, json.ReplayDeadLettersResponse, requests.ReplayAsync);
        endpoints.MapMethod(SchedulerMethods.GetReplay, json.GetReplayRequest, json.GetReplayResponse, async (request, ct) => await requests.GetAsync(request, ct).ConfigureAwait(false));
    }
}
