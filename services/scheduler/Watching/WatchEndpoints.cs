using System.Buffers;
using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Admission;
using Beamline.Scheduler.Methods;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Scheduler.Watching;

internal static class WatchEndpoints
{
    /// <summary>Maps tasks/watch, a held stream of lines, and tasks/wait.</summary>
    public static void MapWatching(this IEndpointRouteBuilder endpoints)
    {
        var json = BeamlineJson.Default;
        var hub = endpoints.ServiceProvider.GetRequiredService<WatchHub>();
        var waiting = endpoints.ServiceProvider.GetRequiredService<TaskWaiting>();
        endpoints.MapMethod(SchedulerMethods.WaitTasks, json.WaitTasksRequest, json.WaitTasksResponse, waiting.WaitAsync, FaultOf);
        endpoints.MapPost("/" + SchedulerMethods.WatchTasks, context => WatchAsync(context, hub));
    }

    private static readonly WireError NoWatcher = WireError.Of(ErrorCode.InvalidInput, "watcher must name who watches.", field: "watcher");

    private static WireError? FaultOf(WaitTasksRequest request) => request switch
    {
        { Watcher: null or "" } => NoWatcher,
        { Tasks: null } => WireError.Of(ErrorCode.InvalidInput, "tasks must be a list.", field: "tasks"),
        _ when request.Tasks.Any(task => task?.TenantId is null || task.AssignmentId is null) =>
            WireError.Of(ErrorCode.InvalidInput, "Each of the tasks must have a tenant_id and an assignment_id.", field: "tasks"),
        _ => null,
    };

    private static async Task WatchAsync(HttpContext context, WatchHub hub)
    {
        if (await InvocationBody.ReadAsync(context, BeamlineJson.Default.WatchTasksRequest).ConfigureAwait(false) is not { } request)
        {
            return;
        }

        if (string.IsNullOrEmpty(request.Watcher))
        {
            await InvocationBody.RefuseAsync(context, StatusCodes.Status400BadRequest, NoWatcher).ConfigureAwait(false);
            return;
        }

        if (hub.Open(request.Watcher) is not { } stream)
        {
            await MethodEndpoints.RefuseAsync(context, "There is no room for another watcher, or the scheduler is going down.").ConfigureAwait(false);
            return;
        }

        try
        {
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            context.Response.ContentType = "application/x-ndjson";
            await WriteAsync(context, new WatchLine { Opened = true }).ConfigureAwait(false);
            while (await stream.NextAsync(context.RequestAborted).ConfigureAwait(false) is { } ended)
            {
                await WriteAsync(context, new WatchLine { Ended = ended.Count == 0 ? null : ended }).ConfigureAwait(false);
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            // The watcher has gone; it will be back with a stream of its own.
        }
        finally
        {
            hub.Close(request.Watcher, stream);
        }
    }

    private static async Task WriteAsync(HttpContext context, WatchLine line)
    {
        var body = context.Response.BodyWriter;
        using (var writer = new Utf8JsonWriter((IBufferWriter<byte>)body))
        {
            JsonSerializer.Serialize(writer, line, BeamlineJson.Default.WatchLine);
        }

        body.Write("\n"u8);
        await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }
}
