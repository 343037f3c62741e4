using System.Net;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.Reading;

public sealed class Reading_tasks
{
    private static readonly TaskView Done = new()
    {
        TenantId = "default", AssignmentId = "a b", State = TaskStates.Success, Result = RawJson.FromString("""{"big":12345678901234567890123}"""),
    };

    [Fact]
    public async Task A_task_is_read_with_its_result()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnGet = request => request is { TenantId: "default", AssignmentId: "a b" } ? Done : null;

        var answer = await gateway.GetAsync("/v1/tasks/a%20b");

        Assert.Equal((HttpStatusCode.OK, "a b", "success"), (answer.Status, answer.Text("assignment_id"), answer.Text("state")));
        Assert.Equal("""{"big":12345678901234567890123}""", answer.Json.GetProperty("result").GetRawText());
    }

    [Fact]
    public async Task An_unknown_task_and_another_tenants_are_404()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnGet = request => request.TenantId == "default" ? Done : null;
        gateway.Scheduler.OnWait = request => new WaitTasksResponse { Ended = [], Unknown = request.Tasks };

        var other = await gateway.GetAsync("/v1/tasks/a%20b?tenant_id=other");

        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"), (other.Status, other.MediaType));
        Assert.Equal(HttpStatusCode.NotFound, (await gateway.GetAsync("/v1/tasks/x?wait=30")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await gateway.GetAsync("/v1/tasks/x/events")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await gateway.DeleteAsync("/v1/tasks/x")).Status);
    }

    [Theory]
    [InlineData("a%2Fb", "a/b")]
    [InlineData("a%2fb", "a/b")]
    [InlineData("a%252Fb", "a%2Fb")]
    [InlineData("a%2F%252f%2Fevents", "a/%2f/events")]
    [InlineData("%3Fx%23%20%22%27%5C%3C%26", "?x# \"'\\<&")]
    public async Task An_id_holds_any_printable_character(string path, string id)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnGet = request => request.AssignmentId == id ? Done : null;
        gateway.Scheduler.OnCancel = cancel => new CancelTaskResponse { Found = cancel.AssignmentId == id };
        gateway.Scheduler.OnEvents = request => Task.FromResult(new TaskEventsResponse { Found = request.AssignmentId == id, Ended = true, Events = [] });

        Assert.Equal(HttpStatusCode.OK, (await gateway.GetAsync($"/v1/tasks/{path}?limit=%2F")).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.GetAsync($"/v1/tasks/{path}/events")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await gateway.DeleteAsync($"/v1/tasks/{path}")).Status);
    }

    [Theory]
    [InlineData("/v1/tasks?tenant_id=a&tenant_id=b", "tenant_id 1001")]
    [InlineData("/v1/tasks?state=queued&state=running", "state 1001")]
    [InlineData("/v1/tasks?cursor=a&cursor=b", "cursor 1001")]
    [InlineData("/v1/tasks?limit=1&limit=2", "limit 1001")]
    [InlineData("/v1/tasks/a?wait=1&wait=2", "wait 1001")]
    public async Task A_parameter_given_twice_is_refused_rather_than_guessed(string path, string fault)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var answer = await gateway.GetAsync(path);

        Assert.Equal((HttpStatusCode.BadRequest, fault), (answer.Status, Assert.Single(answer.Faults)));
    }

    [Fact]
    public async Task A_read_with_wait_is_answered_when_the_task_ends()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var watch = await gateway.Scheduler.WatchAsync();
        await watch.OpenAsync();
        gateway.Scheduler.OnWait = _ =>
        {
            watch.EndAsync("default", "a", "{}").GetAwaiter().GetResult();
            return new WaitTasksResponse { Ended = [], Unknown = [] };
        };
        gateway.Scheduler.OnGet = _ => Done;

        Assert.Equal("success", (await gateway.GetAsync("/v1/tasks/a?wait=30")).Text("state"));
    }

    [Fact]
    public async Task A_read_with_wait_tells_the_state_when_the_time_is_over()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnGet = _ => Done with { State = TaskStates.Running, Result = null };

        Assert.Equal("running", (await gateway.GetAsync("/v1/tasks/a?wait=10ms")).Text("state"));
    }

    [Fact]
    public async Task An_explanation_is_passed_on_as_the_scheduler_gives_it()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnExplain = request => request is not { TenantId: "x", AssignmentId: "a/b" } ? null : new TaskExplanation
        {
            AssignmentId = "a/b", TenantId = "x", State = TaskStates.Queued, EstimatedStartAt = 17, GivesUpAt = 18,
            Reasons = [new WaitReason { Code = WaitReasons.Limit, Message = "as many as it may", Limit = QuotaLimits.KeyRunning }],
            Queue = new QueuePlace { Pool = "io", Position = 3, TenantQueued = 5, Weight = 2, Share = 0.5, Slots = 64 },
        };

        var answer = await gateway.GetAsync("/v1/tasks/a%2Fb/explain?tenant_id=x");

        Assert.Equal((HttpStatusCode.OK, "application/json"), (answer.Status, answer.MediaType));
        Assert.Equal(
            """{"assignment_id":"a/b","tenant_id":"x","state":"queued","reasons":[{"code":"limit","message":"as many as it may","limit":"key_running"}],"queue":{"pool":"io","position":3,"position_is_at_least":false,"tenant_queued":5,"weight":2,"share":0.5,"slots":64},"estimated_start_at":17,"gives_up_at":18}""",
            answer.Body);
    }

    [Fact]
    public async Task An_explanation_of_what_the_tenant_does_not_have_is_404_and_without_a_scheduler_503()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        Assert.Equal(HttpStatusCode.NotFound, (await gateway.GetAsync("/v1/tasks/a/explain")).Status);
        Assert.Equal(["tenant_id 1003"], (await gateway.GetAsync("/v1/tasks/a/explain?tenant_id=a.b")).Faults);
        gateway.Scheduler.IsAway = true;
        var away = await gateway.GetAsync("/v1/tasks/a/explain");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (away.Status, away.RetryAfter > TimeSpan.Zero));
    }

    [Fact]
    public async Task A_list_passes_its_filters_and_its_cursor_on()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        ListTasksRequest? asked = null;
        gateway.Scheduler.OnList = request =>
        {
            asked = request;
            return new ListTasksResponse { Tasks = [Done], Cursor = "c2" };
        };

        var answer = await gateway.GetAsync("/v1/tasks?tenant_id=x&state=queued&type=crypto.hash&cursor=c1&limit=7");

        Assert.Equal(new ListTasksRequest { TenantId = "x", State = "queued", Type = "crypto.hash", Cursor = "c1", Limit = 7 }, asked);
        Assert.Equal("c2", answer.Text("cursor"));
        Assert.Equal("a b", answer.Json.GetProperty("tasks")[0].GetProperty("assignment_id").GetString());
    }

    [Fact]
    public async Task A_list_with_faults_is_400()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnList = _ => new ListTasksResponse { Tasks = [], Error = WireError.Of(ErrorCode.InvalidInput, "no such state", field: "state") };

        Assert.Equal(["state 1001"], (await gateway.GetAsync("/v1/tasks?state=x")).Faults);
        Assert.Equal(["limit 1001"], (await gateway.GetAsync("/v1/tasks?limit=501")).Faults);
    }

    [Fact]
    public async Task A_cancel_is_202_with_the_state()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnCancel = _ => new CancelTaskResponse { Found = true, State = TaskStates.Running };

        var answer = await gateway.DeleteAsync("/v1/tasks/a?tenant_id=x&reason=enough");

        Assert.Equal((HttpStatusCode.Accepted, "running"), (answer.Status, answer.Text("state")));
        var cancel = gateway.Scheduler.Cancels.Single();
        Assert.Equal(("x", "a", "enough"), (cancel.TenantId, cancel.AssignmentId, cancel.Reason));
    }

    [Fact]
    public async Task Events_stream_from_the_last_seen_to_the_last()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var answers = new Queue<TaskEventsResponse>(
        [
            new() { Found = true, Events = [Event(3, TaskEventTypes.Started)] },
            new() { Found = true, Events = [] },
            new() { Found = true, Events = [Event(4, TaskEventTypes.Progress), Event(5, TaskEventTypes.Completed)], Ended = true },
        ]);
        gateway.Scheduler.OnEvents = _ => Task.FromResult(answers.Dequeue());

        var answer = await gateway.GetAsync("/v1/tasks/a/events", ("Last-Event-ID", "2"));

        Assert.Equal("text/event-stream", answer.MediaType);
        var blocks = answer.Body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["id: 3", ": still here", "id: 4", "id: 5"], blocks.Select(block => block.Split('\n')[0]));
        Assert.StartsWith("id: 5\nevent: completed\ndata: {\"event_id\":\"e5\"", blocks[3]);
        Assert.Equal([2L, 3L, 3L], gateway.Scheduler.EventQuestions.Select(question => question.AfterSequence));
        Assert.Equal([0, 10_000, 10_000], gateway.Scheduler.EventQuestions.Select(question => question.HoldMs));
    }

    [Fact]
    public async Task Event_streams_are_bounded_and_their_faults_are_told()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("MaxEventStreams", "1"));
        var held = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        gateway.Scheduler.OnEvents = async _ =>
        {
            asked.TrySetResult();
            await held.Task;
            return new TaskEventsResponse { Found = true, Events = [], Ended = true };
        };
        var first = gateway.GetAsync("/v1/tasks/a/events");
        await asked.Task;

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.GetAsync("/v1/tasks/a/events")).Status);
        held.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await first).Status);
        Assert.Equal(["Last-Event-ID 1001"], (await gateway.GetAsync("/v1/tasks/a/events", ("Last-Event-ID", "x"))).Faults);
    }

    [Theory]
    [InlineData("/v1/nothing", HttpStatusCode.NotFound)]
    [InlineData("/v1/tasks:batch", HttpStatusCode.MethodNotAllowed)]
    public async Task What_the_framework_refuses_is_a_problem_too(string path, HttpStatusCode status)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var answer = await gateway.GetAsync(path);

        Assert.Equal((status, "application/problem+json"), (answer.Status, answer.MediaType));
    }

    [Fact]
    public async Task The_API_describes_itself()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var answer = await gateway.GetAsync("/openapi/v1.json");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var paths = answer.Json.GetProperty("paths");
        Assert.Equal(
            ["/v1/approvals", "/v1/approvals/{id}", "/v1/dlq", "/v1/dlq/replays/{id}", "/v1/dlq/{id}", "/v1/dlq/{id}:replay", "/v1/dlq:replay", "/v1/tasks", "/v1/tasks/{id}", "/v1/tasks/{id}/events", "/v1/tasks/{id}/explain", "/v1/tasks:batch"],
            paths.EnumerateObject().Select(path => path.Name).Where(path => path.StartsWith("/v1")).Order(StringComparer.Ordinal));
        var submit = paths.GetProperty("/v1/tasks").GetProperty("post");
        Assert.Equal(["200", "202", "400", "403", "409", "413", "415", "429", "503"], submit.GetProperty("responses").EnumerateObject().Select(response => response.Name).Order());
        var decide = paths.GetProperty("/v1/approvals/{id}").GetProperty("post");
        Assert.Equal(["200", "400", "403", "404", "409", "413", "415", "503"], decide.GetProperty("responses").EnumerateObject().Select(response => response.Name).Order());
        Assert.Contains("Idempotency-Key", submit.GetRawText());
        Assert.Contains("assignment_id", answer.Body);
    }

    private static TaskEvent Event(long sequence, string type) => new()
    {
        EventId = $"e{sequence}", Type = type, AssignmentId = "a", TenantId = "default", Sequence = sequence, At = 1, Data = RawJson.FromString("{}"),
    };
}
