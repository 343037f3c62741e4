using System.Globalization;
using Beamline.Contracts;
using Beamline.DaprAccess;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Intake;

internal static class IntakeEndpoints
{
    /// <summary>Subscribes to assignments over every lane, to cancellations and to approvals: as raw bytes, since others publish them.</summary>
    public static void MapIntake(this IEndpointRouteBuilder endpoints)
    {
        var intake = endpoints.ServiceProvider.GetRequiredService<BusIntake>();
        var lanes = endpoints.ServiceProvider.GetRequiredService<IOptions<IntakeOptions>>().Value.Lanes;
        var raw = new TopicOptions { RawPayload = true };
        for (var lane = 1; lane <= lanes; lane++)
        {
            var route = string.Create(CultureInfo.InvariantCulture, $"/bus/assign/{lane:00}");
            endpoints.MapTopic(Components.AssignLane(lane), Topics.Assign, route, raw, intake.AssignAsync);
        }

        endpoints.MapTopic(Components.Cancel, Topics.Cancel, "/bus/cancel", raw, intake.CancelAsync);
        endpoints.MapTopic(Components.Approval, Topics.Approval, "/bus/approval", raw, intake.ApproveAsync);
    }
}
