using Beamline.Contracts;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Scheduler;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.DeadLetters;

/// <summary>GET /v1/dlq, GET /v1/dlq/{id}, GET /v1/dlq/replays/{id}: what ended badly, and what became of it.</summary>
internal sealed class DeadLetterEndpoints(SchedulerReads scheduler, IOptions<GatewayOptions> options)
{
    public async Task ListAsync(HttpContext context)
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault)
            || !RequestQuery.TryOne(context.Request, "cursor", out var cursor, out fault)
            || !RequestQuery.TryLimit(context.Request, out var limit, out fault))
        {
            await ProblemAnswers.WriteAsync(context, fault);
            return;
        }

        var answer = await scheduler.AskAsync(
            SchedulerMethods.ListDeadLetters, new ListDeadLettersRequest { TenantId = tenant, Cursor = cursor, Limit = limit },
            BeamlineJson.Default.ListDeadLettersRequest, BeamlineJson.Default.ListDeadLettersResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { Error: { } error } => ProblemAnswers.WriteAsync(context, ProblemAnswers.Of(error, conflict: false, options.Value.RetryAfter)),
            _ => context.Response.WriteAsJsonAsync(answer, BeamlineJson.Default.ListDeadLettersResponse, cancellationToken: context.RequestAborted),
        });
    }

    public async Task GetAsync(HttpContext context, string id)
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault))
        {
            await ProblemAnswers.WriteAsync(context, fault);
            return;
        }

        var answer = await scheduler.AskAsync(
            SchedulerMethods.GetDeadLetter, new GetDeadLetterRequest(tenant, id),
            BeamlineJson.Default.GetDeadLetterRequest, BeamlineJson.Default.GetDeadLetterResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { DeadLetter: { } letter } => context.Response.WriteAsJsonAsync(letter, BeamlineJson.Default.RawJson, cancellationToken: context.RequestAborted),
            _ => ProblemAnswers.WriteAsync(context, NotFound("dead_letter_id", $"Tenant '{tenant}' has no dead letter '{id}'.")),
        });
    }

    public async Task GetReplayAsync(HttpContext context, string id)
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault))
        {
            await ProblemAnswers.WriteAsync(context, fault);
            return;
        }

        var answer = await scheduler.AskAsync(
            SchedulerMethods.GetReplay, new GetReplayRequest(tenant, id),
            BeamlineJson.Default.GetReplayRequest, BeamlineJson.Default.GetReplayResponse, TimeSpan.Zero, context.RequestAborted);
        await (answer switch
        {
            null => ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter)),
            { Replay: { } replay } => context.Response.WriteAsJsonAsync(replay, BeamlineJson.Default.ReplayProgress, cancellationToken: context.RequestAborted),
            _ => ProblemAnswers.WriteAsync(context, NotFound("replay_id", $"Tenant '{tenant}' has no replay '{id}'.")),
        });
    }

    internal static RequestFault NotFound(string field, string message) =>
        new(StatusCodes.Status404NotFound, [new Fault(ErrorCode.InvalidInput, field, message)]);
}
