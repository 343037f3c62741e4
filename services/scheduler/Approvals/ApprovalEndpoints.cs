using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Methods;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Scheduler.Approvals;

internal static class ApprovalEndpoints
{
    /// <summary>Maps approvals/decide and approvals/list.</summary>
    public static void MapApprovals(this IEndpointRouteBuilder endpoints)
    {
        var json = BeamlineJson.Default;
        var approvals = endpoints.ServiceProvider.GetRequiredService<ApprovalDecisions>();
        endpoints.MapMethod(SchedulerMethods.DecideApproval, json.Approval, json.DecideApprovalResponse, async (request, ct) => await approvals.DecideAsync(request, ct).ConfigureAwait(false));
        endpoints.MapMethod(SchedulerMethods.ListApprovals, json.ListApprovalsRequest, json.ListApprovalsResponse, async (request, ct) => await approvals.ListAsync(request, ct).ConfigureAwait(false));
    }
}
