using System.Diagnostics.CodeAnalysis;
using Beamline.Contracts;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Scheduler;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Approvals;

/// <summary>
/// POST /v1/approvals/{id}: a person's decision on a task that waits for it; the same again is answered the same.
/// GET /v1/approvals: what waits.
/// </summary>
internal sealed class ApprovalEndpoints(SchedulerReads scheduler, BodyReader bodies, IOptions<GatewayOptions> options, TimeProvider time)
{
    /// <summary>A comment at its longest, every character escaped, and room for what a client adds.</summary>
    private const int MaxBodyBytes = 64 * 1024;

    public async Task DecideAsync(HttpContext context, string id)
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault))
        {
            await ProblemAnswers.WriteAsync(context, fault);
            return;
        }

        using var body = await bodies.ReadAsync(context.Request, MaxBodyBytes, context.RequestAborted);
        if (body.Fault is { } unread)
        {
            await ProblemAnswers.WriteAsync(context, unread);
            return;
        }

        var reading = ApprovalReader.Read(body.Bytes, tenant, id, time.GetUtcNow().ToUnixTimeMilliseconds());
        if (reading.Approval is not { } approval)
        {
            await ProblemAnswers.WriteAsync(context, new RequestFault(StatusCodes.Status400BadRequest, reading.Faults));
            return;
        }

        var answer = await scheduler.AskAsync(
            SchedulerMethods.DecideApproval, approval, BeamlineJson.Default.Approval, BeamlineJson.Default.DecideApprovalResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { Found: false } => ProblemAnswers.WriteAsync(context, Faults.NotFound(id, tenant)),
            { Error: { } error } => ProblemAnswers.WriteAsync(context, ProblemAnswers.Of(error, answer.Conflict, options.Value.RetryAfter)),
            { State: { } state, Decision: { } decision } => context.Response.WriteAsJsonAsync(
                ApprovalDecided.Of(id, tenant, state, decision), GatewayJson.Default.ApprovalDecided, cancellationToken: context.RequestAborted),
            _ => ProblemAnswers.WriteAsync(context, ProblemAnswers.Of(
                WireError.Of(ErrorCode.InternalError, "The scheduler's answer holds no decision."), conflict: false, options.Value.RetryAfter)),
        });
    }

    public async Task ListAsync(HttpContext context)
    {
        if (!TryList(context.Request, out var request, out var fault))
        {
            await ProblemAnswers.WriteAsync(context, fault);
            return;
        }

        var answer = await scheduler.AskAsync(
            SchedulerMethods.ListApprovals, request, BeamlineJson.Default.ListApprovalsRequest, BeamlineJson.Default.ListApprovalsResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { Error: { } error } => ProblemAnswers.WriteAsync(context, ProblemAnswers.Of(error, conflict: false, options.Value.RetryAfter)),
            _ => context.Response.WriteAsJsonAsync(answer, BeamlineJson.Default.ListApprovalsResponse, cancellationToken: context.RequestAborted),
        });
    }

    private bool TryList(HttpRequest request, [NotNullWhen(true)] out ListApprovalsRequest? list, [NotNullWhen(false)] out RequestFault? fault)
    {
        list = null;
        if (!RequestQuery.TryTenant(request, options.Value, out var tenant, out fault)
            || !RequestQuery.TryOne(request, "cursor", out var cursor, out fault)
            || !RequestQuery.TryLimit(request, out var limit, out fault))
        {
            return false;
        }

        list = new ListApprovalsRequest { TenantId = tenant, Cursor = cursor, Limit = limit };
        return true;
    }
}

/// <summary>The 200 of a decision: the one that counts.</summary>
internal sealed record ApprovalDecided
{
    public required string AssignmentId { get; init; }
    public required string TenantId { get; init; }
    public required string State { get; init; }
    public required bool Approved { get; init; }
    public required string Approver { get; init; }
    public string? Comment { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long ApprovedAt { get; init; }

    public static ApprovalDecided Of(string assignmentId, string tenantId, string state, ApprovalOutcome decision) => new()
    {
        AssignmentId = assignmentId,
        TenantId = tenantId,
        State = state,
        Approved = decision.Approved,
        Approver = decision.Approver,
        Comment = decision.Comment,
        ApprovedAt = decision.ApprovedAt,
    };
}

/// <summary>The body of a decision, for the API's description; it is read by ApprovalReader, which reports every fault.</summary>
internal sealed record DecisionBody
{
    public required bool Approved { get; init; }
    public required string Approver { get; init; }
    public string? Comment { get; init; }
}
