using System.Text;
using Beamline.Contracts;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Approvals;

/// <summary>A task that somebody decides about: its committed row.</summary>
internal sealed record ApprovalRow(string Type, TaskPhase Phase, Job Job, RawJson? Result);

/// <summary>A listed question, and the row that it stands in.</summary>
internal sealed record ListedApproval(long Id, ApprovalView View, int Bytes);

/// <summary>What is read of approvals. Of several replays the last one counts.</summary>
internal static class ApprovalQueries
{
    private const string OneSql =
        """
        SELECT type, state, a.body, r.body FROM tasks JOIN assignments a USING (id) LEFT JOIN results r USING (id)
        WHERE tenant_id = $tenant AND assignment_id = $assignment ORDER BY replay DESC LIMIT 1
        """;

    // In the words of the partial index, so that it is used.
    private const string WaitingSql = """
        SELECT id, a.body, started_at, due FROM tasks JOIN assignments a USING (id) WHERE state = 3 AND tenant_id = $tenant AND id < $before ORDER BY id DESC
        """;

    /// <summary>Null when the tenant has no such task.</summary>
    public static Task<ApprovalRow?> ApprovalAsync(this LedgerReader ledger, TaskKey key, CancellationToken ct) => ledger.ReadAsync(
        connection =>
        {
            using var row = connection.Prepared(OneSql).Bind("$tenant", key.TenantId).Bind("$assignment", key.AssignmentId).ExecuteReader();
            return row.Read()
                ? new ApprovalRow(
                    row.GetString(0),
                    (TaskPhase)row.GetInt32(1),
                    AssignmentReader.ReadTrusted(new RawJson(row.BytesOrNull(2))).Job,
                    row.BytesOrNull(3) is { } result ? new RawJson(result) : null)
                : null;
        },
        ct);

    /// <summary>What waits for a person, newest first.</summary>
    public static Task<FeedPage<ListedApproval>> WaitingApprovalsAsync(this LedgerReader ledger, string tenantId, long before, int limit, CancellationToken ct) =>
        ledger.ReadAsync(
            connection => connection.Prepared(WaitingSql).Bind("$tenant", tenantId).Bind("$before", before)
                .ReadPage(Read, approval => approval.Bytes, limit, WireLimits.MaxBatchBytes),
            ct);

    private static ListedApproval Read(SqliteDataReader row)
    {
        var assignment = AssignmentReader.ReadTrusted(new RawJson(row.BytesOrNull(1)));
        var inputs = ApprovalInputs.Of(assignment.Job);
        var view = new ApprovalView
        {
            TenantId = assignment.TenantId,
            AssignmentId = assignment.AssignmentId,
            RequestId = assignment.RequestId,
            FlowId = assignment.FlowId,
            StepId = assignment.StepId,
            Prompt = inputs.Prompt,
            Approvers = inputs.Approvers,
            WaitingSince = row.GetInt64(2),
            ExpiresAt = row.GetInt64(3),
        };
        return new ListedApproval(row.GetInt64(0), view, Encoding.UTF8.GetByteCount(inputs.Prompt) + inputs.Approvers.Sum(id => id.Length));
    }
}
