using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Events;
using Beamline.Contracts.Results;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Approvals;
using Beamline.Gateway.Cancelling;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Submission;
using Microsoft.OpenApi;

namespace Beamline.Gateway.OpenApi;

/// <summary>What the API's description says of one operation.</summary>
internal sealed record ApiDescription
{
    public required string Summary { get; init; }
    public required string Text { get; init; }
    public required Action<RouteHandlerBuilder> Bodies { get; init; }

    /// <summary>The statuses answered with a problem document.</summary>
    public required IReadOnlyList<int> Problems { get; init; }
    public IReadOnlyList<ApiParameter> Parameters { get; init; } = [];
}

internal sealed record ApiParameter(string Name, ParameterLocation In, string Text);

/// <summary>The texts of <c>/openapi/v1.json</c>.</summary>
internal static class ApiDescriptions
{
    private const string Json = "application/json";
    private const string Ndjson = "application/x-ndjson";

    private static readonly ApiParameter Tenant = new("tenant_id", ParameterLocation.Query, "The tenant, where the body names none; 'default' when left out.");
    private static readonly ApiParameter Wait = new("wait", ParameterLocation.Query, "Wait for the end, in seconds (5, 0.5, 5s, 500ms), at most 60.");
    private static readonly ApiParameter Key = new(IdempotencyKey.Header, ParameterLocation.Header, "Makes the ids that were left out, so that the same request again names the same task. Not together with an own assignment_id.");

    public static readonly ApiDescription Submit = new()
    {
        Summary = "Submit a task",
        Text = "The body is an ExecAssignment; assignment_id, request_id and tenant_id may be left out and are then made. Answered 202 once the task is durable, or with wait 200 and the ExecResult when it ends in time.",
        Parameters = [Tenant, Wait, Key],
        Bodies = route => route.Accepts<ExecAssignment>(Json).Produces<ExecResult>(StatusCodes.Status200OK).Produces<TaskAccepted>(StatusCodes.Status202Accepted),
        Problems = [400, 403, 409, 413, 415, 429, 503],
    };

    public static readonly ApiDescription Batch = new()
    {
        Summary = "Submit up to 1,000 tasks",
        Text = "The body is an array of ExecAssignments, or {\"tasks\": [...]}. Each task gets the status that it would have got alone. With wait the answer is a stream of lines, one a task: what was refused, then results as they end, then what has not ended in time (202).",
        Parameters = [Tenant, Wait, Key],
        Bodies = route => route.Accepts<IReadOnlyList<ExecAssignment>>(Json).Produces<BatchAnswer>(StatusCodes.Status200OK).Produces<BatchItem>(StatusCodes.Status200OK, Ndjson),
        Problems = [400, 413, 415, 503],
    };

    public static readonly ApiDescription List = new()
    {
        Summary = "List tasks, newest first",
        Text = "The cursor of a page asks for the next one; the last page has none.",
        Parameters =
        [
            Tenant,
            new("state", ParameterLocation.Query, "queued, parked, waiting, running, success, error, timeout or cancelled."),
            new("type", ParameterLocation.Query, "A block type, such as crypto.hash."),
            new("cursor", ParameterLocation.Query, "From the page before."),
            new("limit", ParameterLocation.Query, "1 to 500, default 100."),
        ],
        Bodies = route => route.Produces<ListTasksResponse>(StatusCodes.Status200OK),
        Problems = [400, 503],
    };

    public static readonly ApiDescription Get = new()
    {
        Summary = "Read a task",
        Text = "With its ExecResult once it has ended. With wait it is answered when the task ends or the time is over.",
        Parameters = [Tenant, Wait],
        Bodies = route => route.Produces<TaskView>(StatusCodes.Status200OK),
        Problems = [400, 404, 503],
    };

    public static readonly ApiDescription Explain = new()
    {
        Summary = "Explain why a task waits",
        Text = "What it waits for (a limit, an executor, a date, a person, its turn), its place among the tenant's own tasks, the tenant's share of the pool, and when it is expected to start.",
        Parameters = [Tenant],
        Bodies = route => route.Produces<TaskExplanation>(StatusCodes.Status200OK),
        Problems = [400, 404, 503],
    };

    public static readonly ApiDescription Events = new()
    {
        Summary = "Follow a task's events",
        Text = "Server-sent events: id is the event's sequence number, event its type, data the TaskEvent. Ends after the last event.",
        Parameters = [Tenant, new("Last-Event-ID", ParameterLocation.Header, "Begin after this one.")],
        Bodies = route => route.Produces<TaskEvent>(StatusCodes.Status200OK, "text/event-stream"),
        Problems = [400, 404, 503],
    };

    public static readonly ApiDescription Cancel = new()
    {
        Summary = "Cancel a task",
        Text = "Idempotent. A task that has ended stays as it ended; a running one ends as cancelled when its worker has stopped it.",
        Parameters = [Tenant, new("reason", ParameterLocation.Query, "Why, for the record.")],
        Bodies = route => route.Produces<TaskCancelling>(StatusCodes.Status202Accepted),
        Problems = [400, 404, 503],
    };

    public static readonly ApiDescription ListApprovals = new()
    {
        Summary = "List what waits for a person, newest first",
        Text = "Tasks of type human.approval that have been asked and not decided: what is asked, who may decide, since when and until when. The cursor of a page asks for the next one; the last page has none.",
        Parameters =
        [
            Tenant,
            new("cursor", ParameterLocation.Query, "From the page before."),
            new("limit", ParameterLocation.Query, "1 to 500, default 100."),
        ],
        Bodies = route => route.Produces<ListApprovalsResponse>(StatusCodes.Status200OK),
        Problems = [400, 503],
    };

    public static readonly ApiDescription Decide = new()
    {
        Summary = "Approve or refuse",
        Text = "The body holds approved (true or false), approver (one of the task's approvers, letter by letter) and, if wanted, a comment of up to 2048 characters. Either way the task ends with success. The first decision counts: the same again is answered 200 with that one, another one 409 saying what was decided; so is one for a task that waits for no decision (any more). Who is not a listed approver is answered 403.",
        Parameters = [Tenant],
        Bodies = route => route.Accepts<DecisionBody>(Json).Produces<ApprovalDecided>(StatusCodes.Status200OK),
        Problems = [400, 403, 404, 409, 413, 415, 503],
    };
}
