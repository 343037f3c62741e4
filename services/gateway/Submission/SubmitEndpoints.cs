using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Waiting;
using Beamline.Observability.Faults;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Submission;

/// <summary>POST /v1/tasks: one assignment, accepted or refused at once; with <c>?wait=</c> its result when it ends in time.</summary>
internal sealed class SubmitEndpoints(
    BodyReader bodies, TaskPreparation preparation, AdmitBatcher batcher, ResultWaits waits, WaitClock clock, IOptions<GatewayOptions> options)
{
    public async Task SubmitAsync(HttpContext context)
    {
        var ct = context.RequestAborted;
        if (!SubmitRequest.TryRead(context.Request, options.Value, out var request, out var fault))
        {
            await ProblemAnswers.WriteAsync(context, fault!);
            return;
        }

        using var body = await bodies.ReadAsync(context.Request, options.Value.MaxBodyBytes, ct);
        if (body.Fault is { } unread)
        {
            await ProblemAnswers.WriteAsync(context, unread);
            return;
        }

        if (!preparation.TryPrepare(body.Bytes, request.Submitted, out var task, out fault))
        {
            await ProblemAnswers.WriteAsync(context, fault!);
            return;
        }

        await (request.Wait is { } wait ? SubmitAndWaitAsync(context, task!, wait) : SubmitAsync(context, task!));
    }

    private async Task SubmitAsync(HttpContext context, PreparedTask task)
    {
        var answers = await batcher.AdmitAsync([task], wait: false, context.RequestAborted);
        await (answers[0].IsAccepted ? WriteAcceptedAsync(context, task, answers[0]) : WriteRefusedAsync(context, answers[0]));
    }

    private async Task SubmitAndWaitAsync(HttpContext context, PreparedTask task, TimeSpan time)
    {
        var ct = context.RequestAborted;
        if (!waits.TryBegin([task.Key], out var wait))
        {
            await ProblemAnswers.WriteAsync(context, Faults.Overloaded("Too many clients wait for results.", options.Value.RetryAfter));
            return;
        }

        using (wait)
        {
            using var end = clock.Begin(time, ct);
            var answer = (await batcher.AdmitAsync([task], wait: true, ct))[0];
            if (!answer.IsAccepted)
            {
                await WriteRefusedAsync(context, answer);
                return;
            }

            if (answer.ByBus)
            {
                waits.MarkUnsure(task.Key);
            }

            var result = answer.Outcome.Result ?? (await wait.NextAsync(end.Token))?.Result;
            await (result is { } ended ? WriteResultAsync(context, ended) : WriteAcceptedAsync(context, task, answer));
        }
    }

    private Task WriteAcceptedAsync(HttpContext context, PreparedTask task, AdmitAnswer answer)
    {
        Failpoints.Hit("gateway.before-answer");
        var response = context.Response;
        response.StatusCode = StatusCodes.Status202Accepted;
        response.Headers.Location = LocationOf(task.Key);
        var accepted = new TaskAccepted
        {
            AssignmentId = task.Key.AssignmentId,
            RequestId = answer.Outcome.RequestId ?? task.RequestId,
            TenantId = task.Key.TenantId,
            State = answer.Outcome.State ?? TaskStates.Queued,
        };
        return response.WriteAsJsonAsync(accepted, GatewayJson.Default.TaskAccepted, cancellationToken: context.RequestAborted);
    }

    private Task WriteRefusedAsync(HttpContext context, AdmitAnswer answer) =>
        ProblemAnswers.WriteAsync(context, ProblemAnswers.Of(answer.Error, answer.Outcome.Conflict, options.Value.RetryAfter));

    private static async Task WriteResultAsync(HttpContext context, RawJson result)
    {
        Failpoints.Hit("gateway.before-answer");
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = result.Length;
        await context.Response.BodyWriter.WriteAsync(result.Utf8, context.RequestAborted);
    }

    private string LocationOf(TaskKey key)
    {
        var location = "/v1/tasks/" + Uri.EscapeDataString(key.AssignmentId);
        return key.TenantId == options.Value.DefaultTenant ? location : $"{location}?tenant_id={key.TenantId}";
    }
}
