using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Approvals;

/// <summary>A decision as it was read: whole, or its faults.</summary>
public sealed record ApprovalReading(Approval? Approval, IReadOnlyList<Fault> Faults);

/// <summary>Reads decisions from their bytes. Never throws; what it does not know it ignores; it reports every fault at once.</summary>
public static class ApprovalReader
{
    public const int MaxCommentLength = 2048;

    private const long LatestTime = 253_402_300_799_999; // the last millisecond of the year 9999

    /// <summary>A whole decision, as the bus carries it.</summary>
    public static ApprovalReading Read(ReadOnlyMemory<byte> utf8) => Read(utf8, fields => new Approval
    {
        AssignmentId = fields.RequiredId("assignment_id"),
        TenantId = fields.RequiredTenantId("tenant_id"),
        Approved = fields.RequiredBool("approved"),
        Approver = fields.RequiredId("approver"),
        Comment = fields.Text("comment", MaxCommentLength),
        DecidedAt = fields.RequiredLong("decided_at", 0, LatestTime),
    });

    /// <summary>The body of an HTTP request: <c>approved</c>, <c>approver</c>, <c>comment</c>; the rest is known from elsewhere.</summary>
    /// <param name="utf8">The body.</param>
    /// <param name="tenantId">The request's tenant.</param>
    /// <param name="assignmentId">The task in its path.</param>
    /// <param name="now">Unix milliseconds: when it is decided.</param>
    public static ApprovalReading Read(ReadOnlyMemory<byte> utf8, string tenantId, string assignmentId, long now) => Read(utf8, fields => new Approval
    {
        AssignmentId = assignmentId,
        TenantId = tenantId,
        Approved = fields.RequiredBool("approved"),
        Approver = fields.RequiredId("approver"),
        Comment = fields.Text("comment", MaxCommentLength),
        DecidedAt = now,
    });

    private static ApprovalReading Read(ReadOnlyMemory<byte> utf8, Func<FieldReader, Approval> read)
    {
        if (StrictJson.TryParse(utf8.Span, out var root) is { } problem)
        {
            return new ApprovalReading(null, [new Fault(ErrorCode.InvalidFormat, null, problem)]);
        }

        if (root.ValueKind != JsonValueKind.Object)
        {
            return new ApprovalReading(null, [new Fault(ErrorCode.InvalidFormat, null, "The decision is not a JSON object.")]);
        }

        var faults = new List<Fault>();
        var approval = read(new FieldReader(root, "", faults));
        return new ApprovalReading(faults.Count == 0 ? approval : null, faults);
    }
}
