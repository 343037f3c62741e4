using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Events;

namespace Beamline.Scheduler.Tests.Outbox;

public sealed class RejectionLaneTests
{
    [Fact]
    public async Task Each_tenant_hears_of_its_rejections_on_its_own_topic()
    {
        await using var bench = new OutboxBench();
        bench.Commit(Rows.Rejection(1, "tenant-a"), Rows.Rejection(2, "tenant-b"), Rows.Rejection(3, "tenant-a"));
        await bench.StartAsync();
        await bench.LeftAsync(0);
        Assert.Equal(
            [(Topics.EventsOf("tenant-a"), "assign-1"), (Topics.EventsOf("tenant-a"), "assign-3"), (Topics.EventsOf("tenant-b"), "assign-2")],
            bench.Sidecar.Messages.Select(message => (message.Topic, EventIn(message).AssignmentId)).Order());
    }

    [Theory]
    [InlineData("all", 1)]
    [InlineData("final", 1)]
    [InlineData("off", 0)]
    public async Task A_tenants_policy_decides_whether_it_hears_of_them(string policy, int expected)
    {
        var options = new EventOptions { Tenants = { ["tenant-a"] = Enum.Parse<EventPolicy>(policy, ignoreCase: true) } };
        await using var bench = new OutboxBench(events: options);
        bench.Commit(Rows.Rejection(1, "tenant-a"), Rows.Rejection(2, "tenant-b"));
        await bench.StartAsync();
        await bench.LeftAsync(0);
        Assert.Equal(expected, bench.Sidecar.Messages.Count(message => message.Topic == Topics.EventsOf("tenant-a")));
        Assert.Single(bench.Sidecar.Messages, message => message.Topic == Topics.EventsOf("tenant-b"));
    }

    [Fact]
    public async Task A_tenant_whose_topic_has_no_stream_keeps_no_other_from_hearing()
    {
        await using var bench = new OutboxBench();
        bench.Sidecar.MissingTopics.Add(Topics.EventsOf("tenant-0"));
        bench.Commit([.. Enumerable.Range(0, 40).Select(n => Rows.Rejection(n + 1, $"tenant-{n % 4}"))]);
        await bench.StartAsync();
        await bench.LeftAsync(10);
        Assert.Equal(30, bench.Sidecar.Messages.Select(message => message.Text).Distinct().Count());

        bench.Sidecar.MissingTopics.Clear();
        await bench.LeftAsync(0);
        Assert.Equal(40, bench.Sidecar.Messages.Select(message => message.Text).Distinct().Count());
    }

    [Fact]
    public async Task What_was_published_and_not_deleted_goes_out_again_as_the_same_bytes()
    {
        Assert.Equal(await PublishAsync(), await PublishAsync());

        static async Task<string> PublishAsync()
        {
            await using var bench = new OutboxBench(leftOver: [Rows.Rejection(1)]) { LedgerFull = true };
            await bench.StartAsync();
            await bench.PublishedAsync(1);
            return bench.Sidecar.Messages[0].Text;
        }
    }

    private static TaskEvent EventIn(ScriptedSidecar.Published message) =>
        Assert.Single(JsonSerializer.Deserialize(message.Body, BeamlineJson.Default.TaskEvents)!.Events);
}
