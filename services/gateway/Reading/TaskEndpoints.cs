using System.Diagnostics.CodeAnalysis;
using Beamline.Contracts;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.DaprAccess;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Scheduler;
using Beamline.Gateway.Waiting;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Reading;

/// <summary>GET /v1/tasks/{id}, GET /v1/tasks/{id}/explain, GET /v1/tasks.</summary>
internal sealed class TaskEndpoints(SchedulerReads scheduler, ResultWaits waits, WatchFeed feed, WaitClock clock, IOptions<GatewayOptions> options)
{
    public async Task GetAsync(HttpContext context, string id)
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault)
            || !RequestQuery.TryWait(context.Request, options.Value, out var wait, out fault))
        {
            await ProblemAnswers.WriteAsync(context, fault);
            return;
        }

        var key = new TaskKey(tenant, id);
        if (wait is { } time && await WaitAsync(context, key, time) is { } stopped)
        {
            await ProblemAnswers.WriteAsync(context, stopped);
            return;
        }

        var answer = await scheduler.AskAsync(
            SchedulerMethods.GetTask, new GetTaskRequest(tenant, id), BeamlineJson.Default.GetTaskRequest, BeamlineJson.Default.GetTaskResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { Task: null } => ProblemAnswers.WriteAsync(context, Faults.NotFound(id, tenant)),
            { Task: { } task } => context.Response.WriteAsJsonAsync(task, BeamlineJson.Default.TaskView, cancellationToken: context.RequestAborted),
        });
    }

    public async Task ExplainAsync(HttpContext context, string id)
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault))
        {
            await ProblemAnswers.WriteAsync(context, fault);
            return;
        }

        var answer = await scheduler.AskAsync(
            SchedulerMethods.ExplainTask, new ExplainTaskRequest(tenant, id), BeamlineJson.Default.ExplainTaskRequest, BeamlineJson.Default.ExplainTaskResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { Explanation: null } => ProblemAnswers.WriteAsync(context, Faults.NotFound(id, tenant)),
            { Explanation: { } explanation } => context.Response.WriteAsJsonAsync(explanation, BeamlineJson.Default.TaskExplanation, cancellationToken: context.RequestAborted),
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
            SchedulerMethods.ListTasks, request, BeamlineJson.Default.ListTasksRequest, BeamlineJson.Default.ListTasksResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { Error: { } error } => ProblemAnswers.WriteAsync(context, ProblemAnswers.Of(error, conflict: false, options.Value.RetryAfter)),
            _ => context.Response.WriteAsJsonAsync(answer, BeamlineJson.Default.ListTasksResponse, cancellationToken: context.RequestAborted),
        });
    }

    /// <returns>What keeps the wait from being answered; null when it is over, be the task ended or not.</returns>
    private async Task<RequestFault?> WaitAsync(HttpContext context, TaskKey key, TimeSpan time)
    {
        if (!waits.TryBegin([key], out var wait))
        {
            return Faults.Overloaded("Too many clients wait for results.", options.Value.RetryAfter);
        }

        using (wait)
        {
            using var end = clock.Begin(time, context.RequestAborted);
            try
            {
                using var answering = clock.Begin(options.Value.ReadTimeout, context.RequestAborted);
                if ((await feed.AskAsync([key], answering.Token)).Count > 0)
                {
                    return Faults.NotFound(key.AssignmentId, key.TenantId);
                }
            }
            catch (Exception away) when (away is DaprException or OperationCanceledException)
            {
                return Faults.NoScheduler(options.Value.RetryAfter);
            }

            await wait.NextAsync(end.Token);
            return null;
        }
    }

    private bool TryList(HttpRequest request, [NotNullWhen(true)] out ListTasksRequest? list, [NotNullWhen(false)] out RequestFault? fault)
    {
        list = null;
        if (!RequestQuery.TryTenant(request, options.Value, out var tenant, out fault)
            || !RequestQuery.TryOne(request, "state", out var state, out fault)
            || !RequestQuery.TryOne(request, "type", out var type, out fault)
            || !RequestQuery.TryOne(request, "cursor", out var cursor, out fault)
            || !RequestQuery.TryLimit(request, out var limit, out fault))
        {
            return false;
        }

        list = new ListTasksRequest { TenantId = tenant, State = state, Type = type, Cursor = cursor, Limit = limit };
        return true;
    }
}
