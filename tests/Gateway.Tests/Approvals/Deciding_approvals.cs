using System.Net;
using System.Text;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.Approvals;

public sealed class Deciding_approvals
{
    private const string Yes = """{"approved":true,"approver":"ann","comment":"fine","tenant_id":"ignored"}""";
    private static readonly ApprovalOutcome Outcome = new() { Approved = true, Approver = "ann", Comment = "fine", ApprovedAt = 5 };

    [Fact]
    public async Task A_decision_goes_to_the_scheduler_and_what_counts_comes_back()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnDecide = _ => new DecideApprovalResponse { Found = true, State = TaskStates.Success, Decision = Outcome, Repeated = true };

        var answer = await DecideAsync(gateway, Yes, "/v1/approvals/a%2Fb?tenant_id=x");

        Assert.Equal((HttpStatusCode.OK, """{"assignment_id":"a/b","tenant_id":"x","state":"success","approved":true,"approver":"ann","comment":"fine","approved_at":5}"""), (answer.Status, answer.Body));
        var asked = gateway.Scheduler.Decisions.Single();
        Assert.Equal(("x", "a/b", true, "ann", "fine"), (asked.TenantId, asked.AssignmentId, asked.Approved, asked.Approver, asked.Comment));
        Assert.InRange(asked.DecidedAt, TimeProvider.System.GetUtcNow().AddMinutes(-1).ToUnixTimeMilliseconds(), TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
    }

    [Fact]
    public async Task Who_may_not_what_is_not_and_what_is_decided_have_their_statuses()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnDecide = decision => decision.AssignmentId switch
        {
            "foreign" => new DecideApprovalResponse(),
            "guarded" => new DecideApprovalResponse { Found = true, State = TaskStates.Waiting, Error = WireError.Of(ErrorCode.PermissionDenied, "not one of the approvers", field: "approver") },
            "stalled" => new DecideApprovalResponse { Found = true, State = TaskStates.Waiting, Error = WireError.Of(ErrorCode.SystemOverload, "try again", retryAfterMs: 3_000) },
            _ => new DecideApprovalResponse { Found = true, State = TaskStates.Success, Conflict = true, Decision = Outcome, Error = WireError.Of(ErrorCode.InvalidInput, "was approved by 'ann'") },
        };

        var decided = await DecideAsync(gateway, Yes, "/v1/approvals/decided");
        var guarded = await DecideAsync(gateway, Yes, "/v1/approvals/guarded");
        var stalled = await DecideAsync(gateway, Yes, "/v1/approvals/stalled");

        Assert.Equal((HttpStatusCode.Conflict, "application/problem+json", "was approved by 'ann'"), (decided.Status, decided.MediaType, decided.Text("detail")));
        Assert.Equal((HttpStatusCode.Forbidden, "permission_denied"), (guarded.Status, guarded.Text("code")));
        Assert.Equal(["approver 2003"], guarded.Faults);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(3)), (stalled.Status, stalled.RetryAfter));
        Assert.Equal(HttpStatusCode.NotFound, (await DecideAsync(gateway, Yes, "/v1/approvals/foreign")).Status);
    }

    [Theory]
    [InlineData("{}", "approved 1002,approver 1002")]
    [InlineData("""{"approved":"yes","approver":"","comment":7}""", "approved 1003,approver 1003,comment 1003")]
    [InlineData("[true]", "- 1003")]
    [InlineData("{", "- 1003")]
    public async Task A_faulty_decision_is_400_with_every_fault_and_never_leaves_the_gateway(string body, string faults)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var answer = await DecideAsync(gateway, body, "/v1/approvals/a");

        Assert.Equal((HttpStatusCode.BadRequest, faults), (answer.Status, string.Join(',', answer.Faults)));
        Assert.Empty(gateway.Scheduler.Decisions);
    }

    [Fact]
    public async Task A_decision_is_bounded_JSON_for_a_valid_tenant()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        using var form = new HttpRequestMessage(HttpMethod.Post, "/v1/approvals/a") { Content = new StringContent(Yes, Encoding.UTF8, "text/plain") };

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await gateway.SendAsync(form, [])).Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await DecideAsync(gateway, Yes + new string(' ', 64 * 1024), "/v1/approvals/a")).Status);
        Assert.Equal(["tenant_id 1003"], (await DecideAsync(gateway, Yes, "/v1/approvals/a?tenant_id=no.dots")).Faults);
    }

    [Fact]
    public async Task Without_a_scheduler_both_are_503()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.IsAway = true;

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await DecideAsync(gateway, Yes, "/v1/approvals/a")).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.GetAsync("/v1/approvals")).Status);
    }

    [Fact]
    public async Task What_waits_is_listed_for_its_tenant_page_by_page()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        ListApprovalsRequest? asked = null;
        gateway.Scheduler.OnListApprovals = request =>
        {
            asked = request;
            return new ListApprovalsResponse
            {
                Approvals = [new ApprovalView { TenantId = "x", AssignmentId = "a", Prompt = "Pay?", Approvers = ["ann"], WaitingSince = 1, ExpiresAt = 2 }],
                Cursor = "c2",
            };
        };

        var answer = await gateway.GetAsync("/v1/approvals?tenant_id=x&cursor=c1&limit=7");

        Assert.Equal(new ListApprovalsRequest { TenantId = "x", Cursor = "c1", Limit = 7 }, asked);
        Assert.Equal((HttpStatusCode.OK, """{"approvals":[{"tenant_id":"x","assignment_id":"a","prompt":"Pay?","approvers":["ann"],"waiting_since":1,"expires_at":2}],"cursor":"c2"}"""), (answer.Status, answer.Body));
    }

    [Fact]
    public async Task A_list_with_faults_is_400()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnListApprovals = _ => new ListApprovalsResponse { Approvals = [], Error = WireError.Of(ErrorCode.InvalidInput, "no such cursor", field: "cursor") };

        Assert.Equal(["cursor 1001"], (await gateway.GetAsync("/v1/approvals?cursor=x")).Faults);
        Assert.Equal(["limit 1001"], (await gateway.GetAsync("/v1/approvals?limit=0")).Faults);
    }

    private static Task<Answer> DecideAsync(GatewayUnderTest gateway, string body, string path) => gateway.PostAsync(path, Encoding.UTF8.GetBytes(body));
}
