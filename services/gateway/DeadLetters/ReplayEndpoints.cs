using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Beamline.Contracts;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Scheduler;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.DeadLetters;

/// <summary>POST /v1/dlq/{id}:replay, POST /v1/dlq:replay: dead-lettered steps run again.</summary>
internal sealed class ReplayEndpoints(SchedulerReads scheduler, BodyReader bodies, IOptions<GatewayOptions> options)
{
    /// <summary>A thousand ids and two texts, with room to spare.</summary>
    private const int MaxBodyBytes = 256 * 1024;

    public async Task ReplayOneAsync(HttpContext context, string id)
    {
        var (tenant, body, fault) = await ReadAsync(context, GatewayJson.Default.ReplayOneBody);
        if (body is null)
        {
            await ProblemAnswers.WriteAsync(context, fault!);
            return;
        }

        var answer = await AskAsync(context, new ReplayDeadLettersRequest
        {
            TenantId = tenant,
            Filter = new ReplayFilter { Ids = [id] },
            AllowRepeat = body.AllowRepeat,
            RequestedBy = body.RequestedBy,
            Comment = body.Comment,
        });
        await (answer is { Refusals: [var refusal, ..] } ? ProblemAnswers.WriteAsync(context, Refused(refusal, tenant)) : AnswerAsync(context, answer));
    }

    public async Task ReplayManyAsync(HttpContext context)
    {
        var (tenant, body, fault) = await ReadAsync(context, GatewayJson.Default.ReplayBody);
        if (body is null)
        {
            await ProblemAnswers.WriteAsync(context, fault!);
            return;
        }

        // A number too large for a double is read as infinity, which no JSON can carry on.
        if (body.Rate is { } rate && !double.IsFinite(rate))
        {
            await ProblemAnswers.WriteAsync(context, RequestFault.Invalid("rate", "rate is a number of replays a second; this one is too large."));
            return;
        }

        await AnswerAsync(context, await AskAsync(context, new ReplayDeadLettersRequest
        {
            TenantId = tenant,
            Filter = body.Filter ?? new ReplayFilter(),
            Rate = body.Rate,
            Max = body.Max,
            DryRun = body.DryRun,
            AllowRepeat = body.AllowRepeat,
            RequestedBy = body.RequestedBy,
            Comment = body.Comment,
        }));
    }

    private Task<ReplayDeadLettersResponse?> AskAsync(HttpContext context, ReplayDeadLettersRequest request) => scheduler.AskAsync(
        SchedulerMethods.ReplayDeadLetters, request, BeamlineJson.Default.ReplayDeadLettersRequest, BeamlineJson.Default.ReplayDeadLettersResponse, TimeSpan.Zero, context.RequestAborted);

    /// <summary>202 when something will run; 200 when nothing was to be done, or it was only counted.</summary>
    private Task AnswerAsync(HttpContext context, ReplayDeadLettersResponse? answer)
    {
        switch (answer)
        {
            case null:
                return ProblemAnswers.WriteAsync(context, Faults.NoScheduler(options.Value.RetryAfter));
            case { Error: { } error }:
                return ProblemAnswers.WriteAsync(context, ProblemAnswers.Of(error, conflict: false, options.Value.RetryAfter));
        }

        if (answer.ReplayId is { } id)
        {
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            context.Response.Headers.Location = $"/v1/dlq/replays/{id}{context.Request.QueryString}";
        }

        return context.Response.WriteAsJsonAsync(answer, BeamlineJson.Default.ReplayDeadLettersResponse, cancellationToken: context.RequestAborted);
    }

    private static RequestFault Refused(ReplayRefusal refusal, string tenant) => refusal.Reason switch
    {
        ReplayRefusals.Unknown => DeadLetterEndpoints.NotFound("dead_letter_id", $"Tenant '{tenant}' has no dead letter '{refusal.DeadLetterId}'."),
        _ => new RequestFault(StatusCodes.Status409Conflict, [new Fault(
            ErrorCode.InvalidInput, "dead_letter_id", refusal.ReplayId is { } replay ? $"{refusal.Message} ({replay})" : refusal.Message)]),
    };

    /// <summary>The tenant and the body, or what is wrong with them. A body that is not there is an empty one.</summary>
    private async Task<(string Tenant, T? Body, RequestFault? Fault)> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class, new()
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault))
        {
            return (tenant, null, fault);
        }

        // Also then it must say that it is JSON: a web page of another origin could send a plain POST.
        using var body = await bodies.ReadAsync(context.Request, MaxBodyBytes, context.RequestAborted);
        if (body.Fault is { } unread)
        {
            return (tenant, null, unread);
        }

        return body.Bytes.IsEmpty ? (tenant, new T(), null)
            : TryParse(body.Bytes, type, out var parsed, out fault) ? (tenant, parsed, null)
            : (tenant, null, fault);
    }

    /// <summary>The framework's message names types of this program, which tell a client nothing: only the place is taken from it.</summary>
    private static RequestFault Unreadable(JsonException cause) => cause.Path is { Length: > 2 } path
        ? RequestFault.Invalid(path[2..], $"{path[2..]} is not of the type that it must be; /openapi/v1.json tells which.", ErrorCode.InvalidFormat)
        : RequestFault.Invalid("body", $"The body is not a JSON object (line {cause.LineNumber + 1}, byte {cause.BytePositionInLine + 1}).", ErrorCode.InvalidFormat);

    private static bool TryParse<T>(ReadOnlyMemory<byte> bytes, JsonTypeInfo<T> type, [NotNullWhen(true)] out T? parsed, [NotNullWhen(false)] out RequestFault? fault)
        where T : class
    {
        (parsed, fault) = (null, null);
        try
        {
            parsed = JsonSerializer.Deserialize(bytes.Span, type);
            fault = parsed is null ? RequestFault.Invalid("body", "The body is null; it must be an object.", ErrorCode.InvalidFormat) : null;
        }
        catch (JsonException unreadable)
        {
            fault = Unreadable(unreadable);
        }

        return parsed is not null;
    }
}
