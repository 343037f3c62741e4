using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Scheduler;
using Beamline.Gateway.Waiting;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Reading;

/// <summary>
/// GET /v1/tasks/{id}/events: a task's life as server-sent events, from its first (or the one after Last-Event-ID) to its last.
/// Questions that the scheduler holds stand behind it; a scheduler that goes away meanwhile makes a pause, not an end.
/// </summary>
internal sealed class EventEndpoints(SchedulerReads scheduler, WaitClock clock, IOptions<GatewayOptions> options, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private int _streams;

    /// <summary>Streams held open.</summary>
    public int Streams => Volatile.Read(ref _streams);

    public async Task StreamAsync(HttpContext context, string id)
    {
        if (!RequestQuery.TryTenant(context.Request, options.Value, out var tenant, out var fault)
            || !TryAfter(context.Request, out var after, out fault))
        {
            await ProblemAnswers.WriteAsync(context, fault!);
            return;
        }

        if (Interlocked.Increment(ref _streams) > options.Value.MaxEventStreams)
        {
            Interlocked.Decrement(ref _streams);
            await ProblemAnswers.WriteAsync(context, Faults.Overloaded("Too many event streams are open.", options.Value.RetryAfter));
            return;
        }

        try
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, clock.Stopping);
            await StreamAsync(context, new TaskEventsRequest { TenantId = tenant, AssignmentId = id, AfterSequence = after }, end.Token);
        }
        catch (OperationCanceledException)
        {
            // The client has gone, or the gateway stops: it asks again with its Last-Event-ID.
        }
        finally
        {
            Interlocked.Decrement(ref _streams);
        }
    }

    private async Task StreamAsync(HttpContext context, TaskEventsRequest request, CancellationToken ct)
    {
        // The first question is not held: what is wrong with it must become a status.
        var answer = await AskAsync(request, TimeSpan.Zero, ct);
        if (answer is not { Found: true })
        {
            await ProblemAnswers.WriteAsync(context, answer is null
                ? Faults.NoScheduler(options.Value.RetryAfter)
                : Faults.NotFound(request.AssignmentId, request.TenantId));
            return;
        }

        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        while (true)
        {
            if (answer is { Events: [.., var last] })
            {
                Write(context.Response.BodyWriter, answer.Events);
                request = request with { AfterSequence = last.Sequence };
            }
            else
            {
                context.Response.BodyWriter.Write(": still here\n\n"u8);
            }

            await context.Response.BodyWriter.FlushAsync(ct);
            if (answer is { Ended: true } or { Found: false })
            {
                return;
            }

            if (answer is null)
            {
                await Task.Delay(Pause, time, ct);
            }

            answer = await AskAsync(request, options.Value.EventHold, ct);
        }
    }

    private Task<TaskEventsResponse?> AskAsync(TaskEventsRequest request, TimeSpan hold, CancellationToken ct) => scheduler.AskAsync(
        SchedulerMethods.TaskEvents, request with { HoldMs = (int)hold.TotalMilliseconds },
        BeamlineJson.Default.TaskEventsRequest, BeamlineJson.Default.TaskEventsResponse, hold, ct);

    private static void Write(IBufferWriter<byte> to, IReadOnlyList<TaskEvent> events)
    {
        foreach (var each in events)
        {
            to.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"id: {each.Sequence}\nevent: {each.Type}\ndata: ")));
            to.Write(new RawJson(JsonSerializer.SerializeToUtf8Bytes(each, BeamlineJson.Default.TaskEvent)).OnOneLine().Utf8.Span);
            to.Write("\n\n"u8);
        }
    }

    private static bool TryAfter(HttpRequest request, out long after, out RequestFault? fault)
    {
        (after, fault) = (0, null);
        if (request.Headers["Last-Event-ID"].ToString() is not { Length: > 0 } text
            || long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out after))
        {
            return true;
        }

        fault = RequestFault.Invalid("Last-Event-ID", "Last-Event-ID is the number of the last event that was seen.");
        return false;
    }
}
