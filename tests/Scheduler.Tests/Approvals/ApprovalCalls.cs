using Beamline.Contracts;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;

namespace Beamline.Scheduler.Tests.Approvals;

/// <summary>What gateways and Routers say about approvals, said to a scheduler under test.</summary>
internal static class ApprovalCalls
{
    private static readonly BeamlineJson Json = BeamlineJson.Default;

    public static AdmitItem Question(string id, string more = "", string inputs = "", string prompt = "Pay?", string tenant = "t") => new()
    {
        Assignment = RawJson.FromString($$"""{"version":"1","assignment_id":"{{id}}","request_id":"r-{{id}}","tenant_id":"{{tenant}}",{{more}}"executor":{"provider_id":"p"},"job":{"type":"human.approval",{{inputs}}"prompt":"{{prompt}}","approvers":["ann","bob"]} }"""),
        Source = AdmitSources.Gateway,
    };

    public static Approval Decision(string id, bool approved = true, string approver = "ann", string? comment = null, string tenant = "t") => new()
    {
        AssignmentId = id, TenantId = tenant, Approved = approved, Approver = approver, Comment = comment, DecidedAt = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(),
    };

    public static Task<DecideApprovalResponse> DecideAsync(this SchedulerFixture scheduler, Approval decision) =>
        scheduler.CallAsync(SchedulerMethods.DecideApproval, decision, Json.Approval, Json.DecideApprovalResponse);

    public static Task<ListApprovalsResponse> WaitingAsync(this SchedulerFixture scheduler, string tenant = "t", string? cursor = null, int? limit = null) => scheduler.CallAsync(
        SchedulerMethods.ListApprovals, new ListApprovalsRequest { TenantId = tenant, Cursor = cursor, Limit = limit }, Json.ListApprovalsRequest, Json.ListApprovalsResponse);

    public static async Task<TaskView> ViewAsync(this SchedulerFixture scheduler, string id) => (await scheduler.CallAsync(
        SchedulerMethods.GetTask, new GetTaskRequest("t", id), Json.GetTaskRequest, Json.GetTaskResponse)).Task!;

    public static async Task<string[]> EventsAsync(this SchedulerFixture scheduler, string id) => [.. (await scheduler.CallAsync(
        SchedulerMethods.TaskEvents, new TaskEventsRequest { TenantId = "t", AssignmentId = id }, Json.TaskEventsRequest, Json.TaskEventsResponse)).Events.Select(each => each.Type)];
}
