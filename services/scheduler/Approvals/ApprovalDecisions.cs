using System.Globalization;
using System.Text.Json;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Reading;

namespace Beamline.Scheduler.Approvals;

/// <summary>
/// Takes people's decisions and lists what waits for them. Who may decide is read from the committed row: nobody is asked
/// before the question is committed, so nobody can know of one that is not. The first decision counts; the same again changes
/// nothing, and another one is told what was decided.
/// </summary>
internal sealed class ApprovalDecisions(SchedulingEngine engine, LedgerReader ledger)
{
    private const int DefaultLimit = 100;
    private const int MaxLimit = 500;

    public async Task<DecideApprovalResponse> DecideAsync(Approval approval, CancellationToken ct)
    {
        var key = new TaskKey(approval.TenantId, approval.AssignmentId);
        if (await ledger.ApprovalAsync(key, ct).ConfigureAwait(false) is not { } row)
        {
            return new DecideApprovalResponse();
        }

        if (Refusal(row, approval) is { } refused)
        {
            return refused;
        }

        var decided = false;
        if (!row.Phase.IsFinal())
        {
            if (engine.IsStalled)
            {
                return Refused(row, WireError.Of(ErrorCode.SystemOverload, "The scheduler's disk takes no writes at present. Try again.", retryAfterMs: 1_000));
            }

            var verdict = await engine.DecideAsync(approval, ct).ConfigureAwait(false);
            decided = verdict == ApprovalVerdict.Decided;
            if (await ledger.ApprovalAsync(key, ct).ConfigureAwait(false) is not { } after)
            {
                return new DecideApprovalResponse();
            }

            row = after;
        }

        return Answer(row, approval, decided);
    }

    public async Task<ListApprovalsResponse> ListAsync(ListApprovalsRequest request, CancellationToken ct)
    {
        if (!PageCursor.TryRead(request.Cursor, out var before))
        {
            return new ListApprovalsResponse
            {
                Approvals = [],
                Error = WireError.Of(ErrorCode.InvalidInput, "The cursor is not one that a list of approvals gave.", field: "cursor"),
            };
        }

        var limit = Math.Clamp(request.Limit ?? DefaultLimit, 1, MaxLimit);
        var page = await ledger.WaitingApprovalsAsync(request.TenantId, before, limit, ct).ConfigureAwait(false);
        return new ListApprovalsResponse
        {
            Approvals = [.. page.Rows.Select(row => row.View)],
            Cursor = page.More ? PageCursor.Of(page.Rows[^1].Id) : null,
        };
    }

    /// <summary>Why nothing that this person says can count; null when it may.</summary>
    private static DecideApprovalResponse? Refusal(ApprovalRow row, Approval approval)
    {
        if (row.Type != BlockTypes.HumanApproval)
        {
            return Conflict(row, $"Task '{approval.AssignmentId}' is a {row.Type}: it waits for no decision.");
        }

        if (approval.Comment?.Length > ApprovalReader.MaxCommentLength)
        {
            return Refused(row, WireError.Of(ErrorCode.InvalidFormat, $"At most {ApprovalReader.MaxCommentLength} characters are allowed.", field: "comment"));
        }

        return ApprovalInputs.Of(row.Job).Approvers.Contains(approval.Approver, StringComparer.Ordinal)
            ? null
            : Refused(row, WireError.Of(ErrorCode.PermissionDenied, $"'{approval.Approver}' is not one of the approvers of task '{approval.AssignmentId}'.", field: "approver"));
    }

    private static DecideApprovalResponse Answer(ApprovalRow row, Approval approval, bool decided)
    {
        if (!row.Phase.IsFinal())
        {
            return Conflict(row, $"Task '{approval.AssignmentId}' is {row.Phase.WireName()}: nobody has been asked yet.");
        }

        if (OutcomeOf(row) is not { } outcome)
        {
            return Conflict(row, $"Task '{approval.AssignmentId}' has ended as {row.Phase.WireName()}: it waits for no decision.");
        }

        if (outcome.Approved == approval.Approved && outcome.Approver == approval.Approver)
        {
            return new DecideApprovalResponse { Found = true, State = row.Phase.WireName(), Decision = outcome, Repeated = !decided };
        }

        var at = DateTimeOffset.FromUnixTimeMilliseconds(outcome.ApprovedAt).ToString("O", CultureInfo.InvariantCulture);
        return Conflict(row, $"Task '{approval.AssignmentId}' was {(outcome.Approved ? "approved" : "refused")} by '{outcome.Approver}' at {at}.") with { Decision = outcome };
    }

    private static ApprovalOutcome? OutcomeOf(ApprovalRow row) =>
        row is { Phase: TaskPhase.Success, Result: { } bytes }
        && JsonSerializer.Deserialize(bytes.Utf8.Span, BeamlineJson.Default.ExecResult)?.Result is { } result
            ? JsonSerializer.Deserialize(result.Utf8.Span, BeamlineJson.Default.ApprovalOutcome)
            : null;

    private static DecideApprovalResponse Conflict(ApprovalRow row, string message) =>
        Refused(row, WireError.Of(ErrorCode.InvalidInput, message)) with { Conflict = true };

    private static DecideApprovalResponse Refused(ApprovalRow row, WireError error) =>
        new() { Found = true, State = row.Phase.WireName(), Error = error };
}
