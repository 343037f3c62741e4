using System.Net;
using System.Net.Http.Json;
using Beamline.Contracts;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Tests.Engine;

namespace Beamline.Scheduler.Tests.Reading;

public sealed class ReadingTests
{
    private static readonly BeamlineJson Json = BeamlineJson.Default;

    [Fact]
    public async Task A_task_is_shown_with_its_state_and_at_its_end_with_the_result_that_the_bus_gets()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        Assert.Equal(TaskStates.Queued, (await GetAsync(scheduler, "t", "a"))!.State);
        await scheduler.FinishAsync(1);
        var ended = (await GetAsync(scheduler, "t", "a"))!;
        Assert.Equal((TaskStates.Success, "r-a", "crypto.hash"), (ended.State, ended.RequestId, ended.Type));
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.Result));
        Assert.Equal(ended.Result.ToString(), scheduler.Sidecar.Messages.Single(message => message.Topic == Topics.Result).Text);
    }

    [Fact]
    public async Task Another_tenant_sees_nothing_of_it()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        Assert.Null(await GetAsync(scheduler, "other", "a"));
        Assert.Empty((await ListAsync(scheduler, new ListTasksRequest { TenantId = "other" })).Tasks);
    }

    [Fact]
    public async Task Tasks_are_listed_newest_first_page_by_page_and_by_state()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, [.. Enumerable.Range(1, 7).Select(n => EngineHarness.Item($"a{n}"))]);
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await ListAsync(scheduler, new ListTasksRequest { TenantId = "t", Limit = 3, Cursor = cursor });
            seen.AddRange(page.Tasks.Select(task => task.AssignmentId));
            cursor = page.Cursor;
        }
        while (cursor is not null);
        Assert.Equal(Enumerable.Range(1, 7).Reverse().Select(n => $"a{n}"), seen);

        await scheduler.FinishAsync(7);
        Assert.Equal(7, (await ListAsync(scheduler, new ListTasksRequest { TenantId = "t", State = "success" })).Tasks.Count);
        Assert.Empty((await ListAsync(scheduler, new ListTasksRequest { TenantId = "t", State = "queued" })).Tasks);
        Assert.Empty((await ListAsync(scheduler, new ListTasksRequest { TenantId = "t", Type = "http.request" })).Tasks);
    }

    [Theory]
    [InlineData("state", "asleep", null)]
    [InlineData("cursor", null, "bm90LW91cnM")]
    [InlineData("cursor", null, "????????????")]
    public async Task A_faulty_question_is_told_what_is_wrong(string field, string? state, string? cursor)
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        var answer = await ListAsync(scheduler, new ListTasksRequest { TenantId = "t", State = state, Cursor = cursor });
        Assert.Equal((1001, field), (answer.Error!.Number, answer.Error.Field));
    }

    [Fact]
    public async Task Events_are_read_from_a_number_on_and_end_with_the_task()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        await scheduler.FinishAsync(1);
        var all = await EventsAsync(scheduler, "a", 0, 0);
        Assert.True(all is { Found: true, Ended: true });
        Assert.Equal(TaskEventTypes.Accepted, all.Events[0].Type);
        Assert.Equal(TaskEventTypes.Completed, all.Events[^1].Type);
        Assert.Equal(Enumerable.Range(1, all.Events.Count).Select(n => (long)n), all.Events.Select(each => each.Sequence));
        Assert.Equal(all.Events.Skip(1).Select(each => each.EventId), (await EventsAsync(scheduler, "a", 1, 0)).Events.Select(each => each.EventId));
        Assert.False((await EventsAsync(scheduler, "nobody", 0, 1_000)).Found);
    }

    [Fact]
    public async Task A_held_question_for_events_is_answered_when_the_next_one_is_committed()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        var last = (await EventsAsync(scheduler, "a", 0, 0)).Events[^1].Sequence;
        var held = EventsAsync(scheduler, "a", last, 20_000);
        await scheduler.FinishAsync(1);
        Assert.NotEmpty((await held.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken)).Events);
    }

    [Fact]
    public async Task Beyond_HeldCalls_a_question_for_events_is_answered_at_once_and_beyond_KeysPerCall_one_for_results_is_refused()
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings: [("Watching:HeldCalls", "0"), ("Watching:KeysPerCall", "1")]);
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        Assert.Empty((await EventsAsync(scheduler, "a", 100, 20_000).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken)).Events);
        foreach (var (keys, status) in (IEnumerable<(int, HttpStatusCode)>)[(1, HttpStatusCode.OK), (2, HttpStatusCode.ServiceUnavailable)])
        {
            var request = new WaitTasksRequest { Watcher = "w", Tasks = [.. Enumerable.Repeat(new TaskKey("t", "a"), keys)] };
            using var answer = await scheduler.SendAsync(SchedulerMethods.WaitTasks, JsonContent.Create(request, Json.WaitTasksRequest));
            Assert.Equal(status, answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_held_question_for_events_is_answered_first_at_shutdown()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        var held = EventsAsync(scheduler, "a", 100, 20_000);
        await scheduler.StopAsync().WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Empty((await held).Events);
    }

    private static async Task<TaskView?> GetAsync(SchedulerFixture scheduler, string tenant, string assignment) =>
        (await scheduler.CallAsync(SchedulerMethods.GetTask, new GetTaskRequest(tenant, assignment), Json.GetTaskRequest, Json.GetTaskResponse)).Task;

    private static Task<ListTasksResponse> ListAsync(SchedulerFixture scheduler, ListTasksRequest request) =>
        scheduler.CallAsync(SchedulerMethods.ListTasks, request, Json.ListTasksRequest, Json.ListTasksResponse);

    private static Task<TaskEventsResponse> EventsAsync(SchedulerFixture scheduler, string assignment, long after, int holdMs) => scheduler.CallAsync(
        SchedulerMethods.TaskEvents,
        new TaskEventsRequest { TenantId = "t", AssignmentId = assignment, AfterSequence = after, HoldMs = holdMs },
        Json.TaskEventsRequest,
        Json.TaskEventsResponse);
}
