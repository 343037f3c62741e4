using System.Text;
using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Tests.Engine;

namespace Beamline.Scheduler.Tests.Intake;

public sealed class IntakeTests
{
    private const string Lane = "/bus/assign/01";
    private const string Acknowledged = "";

    [Fact]
    public async Task It_subscribes_to_every_lane_and_to_cancellations_and_approvals_as_raw_bytes()
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings: ("Intake:Lanes", "3"));
        using var subscriptions = JsonDocument.Parse(await scheduler.SubscriptionsAsync());
        Assert.Equal(
            ["beamline-approval", "beamline-assign-01", "beamline-assign-02", "beamline-assign-03", "beamline-cancel"],
            subscriptions.RootElement.EnumerateArray().Select(each => each.GetProperty("pubsubname").GetString()).Order());
        Assert.All(subscriptions.RootElement.EnumerateArray(), each => Assert.Equal("true", each.GetProperty("metadata").GetProperty("rawPayload").GetString()));
    }

    [Fact]
    public async Task An_assignment_is_acknowledged_once_it_is_committed_and_accepted_on_the_bus()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync(Lane, EngineHarness.Item("a").Assignment.Utf8.ToArray()));
        Assert.Equal(TaskStates.Queued, (await GetAsync(scheduler, "a"))!.State);
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.Ack));
        Assert.Contains("\"accepted\"", scheduler.Sidecar.Messages.Single(message => message.Topic == Topics.Ack).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"assignment_id\":\"a\"")]
    [InlineData("[1,2,3]")]
    [InlineData("\u0000\u0001")]
    public async Task What_cannot_be_parsed_is_acknowledged_rejected_and_dead_lettered_with_its_bytes(string text)
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        var bytes = Encoding.Latin1.GetBytes(text + "\u00ff");
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync(Lane, bytes));
        await scheduler.PublishedAsync(messages => messages.Count(message => message.Topic is Topics.Ack or Topics.DeadLetters) >= 2);
        using var letter = JsonDocument.Parse(scheduler.Sidecar.Messages.Single(message => message.Topic == Topics.DeadLetters).Body);
        Assert.Equal(bytes, letter.RootElement.GetProperty("assignment_raw_base64").GetBytesFromBase64());
        Assert.Contains("\"rejected\"", scheduler.Sidecar.Messages.Single(message => message.Topic == Topics.Ack).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_does_not_validate_is_told_to_its_tenant()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync(Lane, """{"version":"2","assignment_id":"a","tenant_id":"t"}"""u8.ToArray()));
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.EventsOf("t")));
        using var pack = JsonDocument.Parse(scheduler.Sidecar.Messages.Single(message => message.Topic == Topics.EventsOf("t")).Body);
        var told = Assert.Single(pack.RootElement.GetProperty("events").EnumerateArray());
        Assert.Equal("rejected", told.GetProperty("type").GetString());
        Assert.Equal(1001, told.GetProperty("data").GetProperty("number").GetInt32());
    }

    [Fact]
    public async Task While_the_state_store_is_away_an_assignment_stays_on_the_bus_and_no_ack_is_sent()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        scheduler.Sidecar.StoreAway = true;
        Assert.Contains("RETRY", await scheduler.DeliverAsync(Lane, EngineHarness.Item("a").Assignment.Utf8.ToArray()), StringComparison.Ordinal);
        Assert.Null(await GetAsync(scheduler, "a"));
        scheduler.Sidecar.StoreAway = false;
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync(Lane, EngineHarness.Item("a").Assignment.Utf8.ToArray()));
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.Ack));
        Assert.Single(scheduler.Sidecar.Messages, message => message.Topic == Topics.Ack);
    }

    [Fact]
    public async Task A_cancellation_ends_its_task_and_garbage_is_taken_off_the_bus()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync("/bus/cancel", "{garbage"u8.ToArray()));
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync("/bus/cancel", """{"assignment_id":"a","tenant_id":"no.dots","requested_at":1}"""u8.ToArray()));
        Assert.Equal(TaskStates.Queued, (await GetAsync(scheduler, "a"))!.State);
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync("/bus/cancel", """{"assignment_id":"a","tenant_id":"t","requested_at":1}"""u8.ToArray()));
        Assert.Equal(TaskStates.Cancelled, (await GetAsync(scheduler, "a"))!.State);
    }

    [Fact]
    public async Task An_approval_that_nobody_awaits_is_taken_off_the_bus()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync("/bus/approval", """{"assignment_id":"a","tenant_id":"t","approved":true,"approver":"me","decided_at":1}"""u8.ToArray()));
        Assert.Equal(Acknowledged, await scheduler.DeliverAsync("/bus/approval", """{"approved":"perhaps"}"""u8.ToArray()));
    }

    private static async Task<TaskView?> GetAsync(SchedulerFixture scheduler, string assignment) => (await scheduler.CallAsync(
        SchedulerMethods.GetTask, new GetTaskRequest("t", assignment), BeamlineJson.Default.GetTaskRequest, BeamlineJson.Default.GetTaskResponse)).Task;
}
