using Beamline.Contracts;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Scheduler;
using Beamline.Gateway.Submission;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Cancelling;

/// <summary>DELETE /v1/tasks/{id}: asks that a task end as cancelled. Idempotent; a task that has ended stays as it ended.</summary>
internal sealed class CancelEndpoints(SchedulerReads scheduler, IOptions<GatewayOptions> options, TimeProvider time)
{
    private const int MaxReasonLength = 1024;

    public async Task CancelAsync(HttpContext context, string id)
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault)
            || !RequestQuery.TryOne(context.Request, "reason", out var reason, out fault))
        {
            await ProblemAnswers.WriteAsync(context, fault);
            return;
        }

        if (reason?.Length > MaxReasonLength)
        {
            await ProblemAnswers.WriteAsync(context, RequestFault.Invalid("reason", $"A reason takes {MaxReasonLength} characters at most."));
            return;
        }

        var cancel = new ExecCancel
        {
            AssignmentId = id,
            TenantId = tenant,
            Reason = string.IsNullOrEmpty(reason) ? null : reason,
            RequestedAt = time.GetUtcNow().ToUnixTimeMilliseconds(),
        };
        var answer = await scheduler.AskAsync(
            SchedulerMethods.CancelTask, cancel, BeamlineJson.Default.ExecCancel, BeamlineJson.Default.CancelTaskResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { Found: false } => ProblemAnswers.WriteAsync(context, Faults.NotFound(id, tenant)),
            _ => WriteAsync(context, new TaskCancelling { AssignmentId = id, TenantId = tenant, State = answer.State ?? TaskStates.Cancelled }),
        });
    }

    private static Task WriteAsync(HttpContext context, TaskCancelling cancelling)
    {
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        return context.Response.WriteAsJsonAsync(cancelling, GatewayJson.Default.TaskCancelling, cancellationToken: context.RequestAborted);
    }
}

/// <summary>The 202 of a cancellation: the state now, which a running task keeps until its worker has stopped it.</summary>
internal sealed record TaskCancelling
{
    public required string AssignmentId { get; init; }
    public required string TenantId { get; init; }
    public required string State { get; init; }
}
