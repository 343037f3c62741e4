using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.Metrics;

public sealed class What_the_gateway_counts
{
    [Fact]
    public async Task Answers_by_route_and_status_and_submits_by_outcome()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("ProbeInterval", "00:00:00.001"));
        await gateway.SubmitAsync(Bodies.Hash());
        await gateway.BatchAsync($"[{Bodies.Hash()},{Bodies.Hash()},1]");
        await gateway.SubmitAsync("{");
        await gateway.GetAsync("/v1/tasks/some-id");
        await gateway.GetAsync("/nothing");
        gateway.Scheduler.IsAway = true;
        await gateway.SubmitAsync(Bodies.Hash());

        var metrics = (await gateway.GetAsync("/metrics")).Body.Split('\n');

        Assert.Contains("gateway_requests_total{route=\"/v1/tasks\",status=\"202\"} 2", metrics);
        Assert.Contains("gateway_requests_total{route=\"/v1/tasks\",status=\"400\"} 1", metrics);
        Assert.Contains("gateway_requests_total{route=\"/v1/tasks:batch\",status=\"200\"} 1", metrics);
        Assert.Contains("gateway_requests_total{route=\"/v1/tasks/{id}\",status=\"404\"} 1", metrics);
        Assert.Contains("gateway_requests_total{route=\"none\",status=\"404\"} 1", metrics);
        Assert.Contains("gateway_submits_total{outcome=\"accepted\"} 3", metrics);
        Assert.Contains("gateway_submits_total{outcome=\"queued_on_bus\"} 1", metrics);
        Assert.Contains("gateway_admission_ms_count 2", metrics);
    }

    [Fact]
    public async Task What_is_held_while_it_is_held()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var watch = await gateway.Scheduler.WatchAsync();
        await watch.OpenAsync();
        var asked = new TaskCompletionSource();
        gateway.Scheduler.OnWait = _ =>
        {
            asked.TrySetResult();
            return new() { Ended = [], Unknown = [] };
        };
        var waiting = gateway.GetAsync("/v1/tasks/a?wait=30");
        await asked.Task.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Contains("gateway_waits 1", (await gateway.GetAsync("/metrics")).Body.Split('\n'));
        await watch.EndAsync("default", "a", "{}");
        await waiting;

        var metrics = (await gateway.GetAsync("/metrics")).Body.Split('\n');
        Assert.Contains("gateway_waits 0", metrics);
        Assert.Contains("gateway_watch_open 1", metrics);
        Assert.Contains("gateway_event_streams 0", metrics);
        Assert.Contains("gateway_body_bytes 0", metrics);
    }
}
