using System.Net;
using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.Submission;

public sealed class Admitting_in_batches
{
    [Fact]
    public async Task A_lone_submit_goes_at_once_and_what_comes_meanwhile_goes_together()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("AdmitsInFlight", "1"), ("AdmitBatchItems", "64"));
        var held = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        gateway.Scheduler.OnAdmit = async (request, _) =>
        {
            arrived.TrySetResult();
            await held.Task;
            return ScriptedScheduler.AcceptAll(request);
        };
        var first = gateway.SubmitAsync(Bodies.Hash());
        await arrived.Task;
        var batch = gateway.BatchAsync($"[{string.Join(',', Enumerable.Repeat(Bodies.Hash(), 100))}]");
        var single = gateway.SubmitAsync(Bodies.Hash());
        await gateway.GetAsync("/healthz");

        held.SetResult();
        await Task.WhenAll(first, single);

        Assert.Equal(100, (await batch).Json.GetProperty("items").GetArrayLength());
        var sizes = gateway.Scheduler.Admissions.Select(request => request.Items.Count).ToArray();
        Assert.Equal((1, 102), (sizes[0], sizes.Sum()));
        Assert.InRange(sizes.Length, 3, 4);
        Assert.All(sizes, size => Assert.InRange(size, 1, 64));
    }

    [Fact]
    public async Task A_batch_is_cut_at_2_MiB()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var big = Bodies.Hash($"\"pad\":\"{new string('x', 200_000)}\",");

        var answer = await gateway.BatchAsync($"[{string.Join(',', Enumerable.Repeat(big, 30))}]");

        Assert.All(answer.Json.GetProperty("items").EnumerateArray(), item => Assert.Equal(202, item.GetProperty("status").GetInt32()));
        Assert.All(gateway.Scheduler.Admissions, request => Assert.InRange(request.Items.Sum(item => item.Assignment.Length), 1, 2 * 1024 * 1024));
    }

    [Fact]
    public async Task A_full_queue_answers_the_next_submit_503()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("AdmitsInFlight", "1"), ("AdmitQueueItems", "2"));
        var held = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        gateway.Scheduler.OnAdmit = async (request, _) =>
        {
            arrived.TrySetResult();
            await held.Task;
            return ScriptedScheduler.AcceptAll(request);
        };
        var first = gateway.SubmitAsync(Bodies.Hash());
        await arrived.Task;

        var tooMany = await gateway.BatchAsync($"[{string.Join(',', Enumerable.Repeat(Bodies.Hash(), 3))}]");
        held.SetResult();

        Assert.All(tooMany.Json.GetProperty("items").EnumerateArray(), item => Assert.Equal("503 system_overload", $"{item.GetProperty("status")} {item.GetProperty("error").GetProperty("code")}"));
        Assert.Equal(HttpStatusCode.Accepted, (await first).Status);
    }

    [Fact]
    public async Task A_hundred_thousand_tiny_tasks_all_get_an_answer()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var body = $"[{string.Join(',', Enumerable.Repeat(Bodies.Hash(), 1000))}]";

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => gateway.BatchAsync(body)));

        var statuses = answers.SelectMany(answer => answer.Json.GetProperty("items").EnumerateArray()).Select(item => item.GetProperty("status").GetInt32()).ToArray();
        Assert.Equal(100_000, statuses.Length);
        Assert.All(statuses, status => Assert.True(status is 202 or 503));
        Assert.Equal(statuses.Count(status => status == 202), gateway.Scheduler.Admissions.Sum(request => request.Items.Count));
    }
}
