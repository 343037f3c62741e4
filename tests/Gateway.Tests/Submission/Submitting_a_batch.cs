using System.Net;
using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.Submission;

public sealed class Submitting_a_batch
{
    [Theory]
    [InlineData("[{0},{{}},{1}]")]
    [InlineData(" {{ \"tasks\" : [{0} , {{}} ,{1}] }} ")]
    public async Task Each_task_gets_its_own_status_in_order(string form)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var answer = await gateway.BatchAsync(string.Format(form, Bodies.HashOf("a"), Bodies.HashOf("b")));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var items = answer.Json.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(["0 202", "1 400", "2 202"], items.Select(item => $"{item.GetProperty("index")} {item.GetProperty("status")}"));
        Assert.Equal(("a", "b", "queued"), (items[0].GetProperty("assignment_id").GetString(), items[2].GetProperty("assignment_id").GetString(), items[2].GetProperty("state").GetString()));
        Assert.Equal(1002, items[1].GetProperty("error").GetProperty("number").GetInt32());
        Assert.Equal([Bodies.HashOf("a"), Bodies.HashOf("b")], gateway.Scheduler.Admitted);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("7")]
    [InlineData("[{]")]
    [InlineData("[{}")]
    [InlineData("{\"tasks\":{}}")]
    [InlineData("{\"tasks\":[],\"more\":1}")]
    [InlineData("[] []")]
    public async Task What_is_no_batch_is_400(string body)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        Assert.Equal(HttpStatusCode.BadRequest, (await gateway.BatchAsync(body)).Status);
    }

    [Fact]
    public async Task A_thousand_are_taken_and_one_more_is_400_and_none_is_fine()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        static string Of(int tasks) => $"[{string.Join(',', Enumerable.Repeat("{}", tasks))}]";

        Assert.Equal(HttpStatusCode.OK, (await gateway.BatchAsync(Of(1000))).Status);
        Assert.Equal(["tasks 1001"], (await gateway.BatchAsync(Of(1001))).Faults);
        Assert.Equal("""{"items":[]}""", (await gateway.BatchAsync("[]")).Body);
    }

    [Fact]
    public async Task A_batch_of_more_than_8_MiB_is_413()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await gateway.PostAsync("/v1/tasks:batch", new byte[(8 * 1024 * 1024) + 1])).Status);
    }

    [Fact]
    public async Task A_key_makes_another_id_for_each_place()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var body = $"[{Bodies.Hash()},{Bodies.Hash()},{Bodies.HashOf("own")}]";

        var first = await gateway.BatchAsync(body, "", ("Idempotency-Key", "k"));
        var again = await gateway.BatchAsync(body, "", ("Idempotency-Key", "k"));

        Assert.Equal(first.Body, again.Body);
        var items = first.Json.GetProperty("items");
        Assert.NotEqual(items[0].GetProperty("assignment_id").GetString(), items[1].GetProperty("assignment_id").GetString());
        Assert.Equal(400, items[2].GetProperty("status").GetInt32());
    }
}
