using System.Net;
using System.Text;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Submission;
using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.Submission;

public sealed class Without_a_scheduler
{
    [Fact]
    public async Task A_submit_goes_over_the_bus_under_its_own_id()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.IsAway = true;

        var answer = await gateway.SubmitAsync(Bodies.HashOf("a"));

        Assert.Equal((HttpStatusCode.Accepted, "queued"), (answer.Status, answer.Text("state")));
        var (topic, json) = gateway.Scheduler.Published.Single();
        Assert.Equal("caf.exec.assign.v1", topic);
        Assert.Equal(Bodies.HashOf("a").Insert(1, "\"id\":\"assign:t:a\","), json);
    }

    [Fact]
    public async Task A_scheduler_that_keeps_silent_counts_as_none()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("AdmitTimeout", "00:00:00.050"));
        gateway.Scheduler.OnAdmit = async (_, ct) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
            throw new InvalidOperationException("never");
        };

        Assert.Equal("queued", (await gateway.SubmitAsync(Bodies.Hash())).Text("state"));
        Assert.Equal(gateway.Scheduler.Admissions.Single().Items.Single().Assignment.ToString(), Without(gateway.Scheduler.Published.Single().Json));
    }

    [Fact]
    public async Task With_the_bus_away_too_it_is_503_until_one_is_back()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("ProbeInterval", "00:00:00.001"));
        (gateway.Scheduler.IsAway, gateway.Scheduler.IsBusAway) = (true, true);

        var answer = await gateway.SubmitAsync(Bodies.Hash());
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "resource_unavailable", true), (answer.Status, answer.Text("code"), answer.RetryAfter > TimeSpan.Zero));

        gateway.Scheduler.IsAway = false;
        await Until(async () => (await gateway.SubmitAsync(Bodies.Hash())).Status == HttpStatusCode.Accepted);
        Assert.NotEmpty(gateway.Scheduler.Admissions);
    }

    [Fact]
    public async Task Each_task_of_a_batch_goes_the_same_way()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.IsAway = true;

        var answer = await gateway.BatchAsync($"[{Bodies.HashOf("a")},{{}},{Bodies.HashOf("b")}]");

        Assert.Equal([202, 400, 202], answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("status").GetInt32()));
        Assert.Equal(2, gateway.Scheduler.Published.Count);
    }

    [Fact]
    public async Task Reads_and_cancels_are_503()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.IsAway = true;

        foreach (var answer in new[]
        {
            await gateway.GetAsync("/v1/tasks/a"), await gateway.GetAsync("/v1/tasks"), await gateway.GetAsync("/v1/tasks/a?wait=1"),
            await gateway.GetAsync("/v1/tasks/a/events"), await gateway.DeleteAsync("/v1/tasks/a"),
        })
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (answer.Status, answer.RetryAfter > TimeSpan.Zero));
        }
    }

    [Theory]
    [InlineData("""{"a":1}""", """{"id":"assign:t:x","a":1}""")]
    [InlineData("""{"id":"foreign","a":1}""", """{"id":"assign:t:x","a":1}""")]
    [InlineData("""{"a":{"id":1}, "id" : {"x":[1,2]} ,"b":2}""", """{"a":{"id":1}, "id" : "assign:t:x" ,"b":2}""")]
    [InlineData("""{"\u0069d":null,"big":12345678901234567890123}""", """{"\u0069d":"assign:t:x","big":12345678901234567890123}""")]
    public void On_the_bus_a_foreign_id_gives_way(string json, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(BusMessage.Of(new PreparedTask(Encoding.UTF8.GetBytes(json), new TaskKey("t", "x"), "r"))));

    private static string Without(string json) => json.Remove(1, json.IndexOf(','));

    private static async Task Until(Func<Task<bool>> condition)
    {
        while (!await condition())
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }
    }
}
