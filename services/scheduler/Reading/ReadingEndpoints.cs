using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Methods;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Scheduler.Reading;

internal static class ReadingEndpoints
{
    /// <summary>Maps tasks/get, tasks/list, tasks/events, tasks/explain, tasks/cancel, dead-letters/list and dead-letters/get.</summary>
    public static void MapReading(this IEndpointRouteBuilder endpoints)
    {
        var json = BeamlineJson.Default;
        var tasks = endpoints.ServiceProvider.GetRequiredService<TaskReader>();
        endpoints.MapMethod(SchedulerMethods.GetTask, json.GetTaskRequest, json.GetTaskResponse, async (request, ct) => await tasks.GetAsync(request, ct).ConfigureAwait(false));
        endpoints.MapMethod(SchedulerMethods.ListTasks, json.ListTasksRequest, json.ListTasksResponse, async (request, ct) => await tasks.ListAsync(request, ct).ConfigureAwait(false));
        endpoints.MapMethod(SchedulerMethods.TaskEvents, json.TaskEventsRequest, json.TaskEventsResponse, async (request, ct) => await tasks.EventsAsync(request, ct).ConfigureAwait(false));
        var engine = endpoints.ServiceProvider.GetRequiredService<SchedulingEngine>();
        endpoints.MapMethod(
            SchedulerMethods.ExplainTask,
            json.ExplainTaskRequest,
            json.ExplainTaskResponse,
            async (request, ct) => new ExplainTaskResponse { Explanation = await engine.ExplainAsync(new TaskKey(request.TenantId, request.AssignmentId), ct).ConfigureAwait(false) });
        endpoints.MapMethod(SchedulerMethods.CancelTask, json.ExecCancel, json.CancelTaskResponse, async (request, ct) => await engine.CancelAsync(request, ct).ConfigureAwait(false));
        endpoints.MapMethod(
            SchedulerMethods.GetDeadLetter, json.GetDeadLetterRequest, json.GetDeadLetterResponse, async (request, ct) => await tasks.DeadLetterAsync(request, ct).ConfigureAwait(false));
        endpoints.MapMethod(
            SchedulerMethods.ListDeadLetters, json.ListDeadLettersRequest, json.ListDeadLettersResponse, async (request, ct) => await tasks.DeadLettersAsync(request, ct).ConfigureAwait(false));
    }
}
