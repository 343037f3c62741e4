using System.Text;
using Beamline.Contracts.Approvals;

namespace Beamline.Contracts.Tests.Approvals;

public sealed class Reading_decisions
{
    private const string Ids = "\"assignment_id\":\"a\",\"tenant_id\":\"t\",\"decided_at\":5,";

    [Fact]
    public void A_decision_is_read_whole_and_what_nobody_knows_is_ignored()
    {
        var approval = Read($$"""{ {{Ids}}"approved":false,"approver":"ann","comment":"no","mood":{"good":[1]} }""").Approval!;

        Assert.Equal(("a", "t", false, "ann", "no", 5L), (approval.AssignmentId, approval.TenantId, approval.Approved, approval.Approver, approval.Comment, approval.DecidedAt));
    }

    [Theory]
    [InlineData("{}", "MissingRequiredField assignment_id,MissingRequiredField tenant_id,MissingRequiredField approved,MissingRequiredField approver,MissingRequiredField decided_at")]
    [InlineData("""{"assignment_id":"a","tenant_id":"no.dots","approved":"yes","approver":"","comment":7,"decided_at":-1}""",
        "InvalidFormat tenant_id,InvalidFormat approved,InvalidFormat approver,InvalidFormat comment,InvalidInput decided_at")]
    [InlineData("[]", "InvalidFormat ")]
    [InlineData("{", "InvalidFormat ")]
    [InlineData("""{"approved":true,"approved":false}""", "InvalidFormat ")]
    [InlineData("""{"comment":"\ud800"}""", "InvalidFormat ")]
    public void Every_fault_is_told(string json, string expected)
    {
        var reading = Read(json);

        Assert.Null(reading.Approval);
        Assert.Equal(expected, string.Join(',', reading.Faults.Select(fault => $"{fault.Code} {fault.Field}")));
    }

    [Theory]
    [InlineData(2048, true)]
    [InlineData(2049, false)]
    public void A_comment_is_bounded(int length, bool fits) =>
        Assert.Equal(fits, Read($$"""{ {{Ids}}"approved":true,"approver":"ann","comment":"{{new string('c', length)}}"}""").Approval is not null);

    [Fact]
    public void Over_HTTP_the_path_and_the_query_name_the_task_whatever_the_body_says()
    {
        var body = Encoding.UTF8.GetBytes($$"""{ {{Ids}}"approved":true,"approver":"ann"}""");

        var approval = ApprovalReader.Read(body, "tenant", "task", 9).Approval!;

        Assert.Equal(("task", "tenant", 9L), (approval.AssignmentId, approval.TenantId, approval.DecidedAt));
    }

    private static ApprovalReading Read(string json) => ApprovalReader.Read(Encoding.UTF8.GetBytes(json));
}
