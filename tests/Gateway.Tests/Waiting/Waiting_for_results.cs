using System.Net;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.Waiting;

public sealed class Waiting_for_results
{
    private const string Result = """{"id":"result:t:a:0","status":"success","big":12345678901234567890123}""";

    [Fact]
    public async Task The_result_on_the_stream_answers_the_submit_byte_for_byte()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var watch = await OpenAsync(gateway);
        gateway.Scheduler.OnAdmit = async (request, _) =>
        {
            // Before the answer to the admission: the waiter must be there already.
            await watch.EndAsync("t", "a", Result);
            return ScriptedScheduler.AcceptAll(request);
        };

        var answer = await gateway.SubmitAsync(Bodies.HashOf("a"), "?wait=30");

        Assert.Equal((HttpStatusCode.OK, Result, "application/json"), (answer.Status, answer.Body, answer.MediaType));
        Assert.True(gateway.Scheduler.Admissions.Single().Items.Single().Wait);
        Assert.NotNull(gateway.Scheduler.Admissions.Single().Watcher);
    }

    [Fact]
    public async Task A_task_that_had_ended_before_is_answered_from_the_admission()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnAdmit = (request, _) => Task.FromResult(new AdmitResponse
        {
            Items = [ScriptedScheduler.Accept(request.Items[0]) with { State = TaskStates.Success, Duplicate = true, Result = RawJson.FromString(Result) }],
        });

        Assert.Equal(Result, (await gateway.SubmitAsync(Bodies.HashOf("a"), "?wait=30")).Body);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0.01")]
    [InlineData("10ms")]
    [InlineData("0.01s")]
    public async Task When_the_time_is_over_it_is_202(string wait)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        Assert.Equal(HttpStatusCode.Accepted, (await gateway.SubmitAsync(Bodies.HashOf("a"), $"?wait={wait}")).Status);
    }

    [Theory]
    [InlineData("61")]
    [InlineData("-1")]
    [InlineData("soon")]
    [InlineData("NaN")]
    [InlineData("")]
    [InlineData("1e1")]
    [InlineData("61000ms")]
    public async Task A_wait_that_is_none_is_400(string wait)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        Assert.Equal(["wait 1001"], (await gateway.SubmitAsync(Bodies.HashOf("a"), $"?wait={wait}")).Faults);
        Assert.Empty(gateway.Scheduler.Admissions);
    }

    [Fact]
    public async Task Waits_are_bounded()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("MaxWaits", "1"));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.BatchAsync($"[{Bodies.HashOf("a")},{Bodies.HashOf("b")}]", "?wait=1")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await gateway.SubmitAsync(Bodies.HashOf("a"), "?wait=0")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await gateway.SubmitAsync(Bodies.HashOf("a"), "?wait=0")).Status);
    }

    [Fact]
    public async Task After_a_broken_stream_everything_awaited_is_asked_for_again()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var first = await OpenAsync(gateway);
        var admitted = new TaskCompletionSource();
        gateway.Scheduler.OnAdmit = (request, _) =>
        {
            admitted.TrySetResult();
            return Task.FromResult(ScriptedScheduler.AcceptAll(request));
        };
        var submit = gateway.SubmitAsync(Bodies.HashOf("a"), "?wait=30");
        await admitted.Task;

        // The task ends while the stream is broken.
        gateway.Scheduler.OnWait = request => new WaitTasksResponse
        {
            Ended = [.. request.Tasks.Select(task => new TaskEnded { TenantId = task.TenantId, AssignmentId = task.AssignmentId, Result = RawJson.FromString(Result) })],
            Unknown = [],
        };
        await first.BreakAsync();
        await OpenAsync(gateway);

        Assert.Equal((HttpStatusCode.OK, Result), ((await submit).Status, (await submit).Body));
        Assert.Equal([new TaskKey("t", "a")], gateway.Scheduler.Questions.Single().Tasks);
    }

    [Fact]
    public async Task A_silent_stream_is_opened_again()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("WatchSilence", "00:00:00.050"));
        await OpenAsync(gateway);

        await OpenAsync(gateway);
    }

    [Fact]
    public async Task A_task_that_went_over_the_bus_is_asked_for_until_the_scheduler_knows_it()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("AskAgain", "00:00:00.010"));
        gateway.Scheduler.IsAway = true;
        var asked = 0;
        gateway.Scheduler.OnWait = request => Interlocked.Increment(ref asked) < 3
            ? new WaitTasksResponse { Ended = [], Unknown = request.Tasks }
            : new WaitTasksResponse { Ended = [new TaskEnded { TenantId = "t", AssignmentId = "a", Result = RawJson.FromString(Result) }], Unknown = [] };

        var submit = gateway.SubmitAsync(Bodies.HashOf("a"), "?wait=30");
        while (gateway.Scheduler.Published.IsEmpty)
        {
            await gateway.GetAsync("/healthz");
        }

        gateway.Scheduler.IsAway = false;

        Assert.Equal(Result, (await submit).Body);
    }

    [Fact]
    public async Task A_batch_streams_refusals_first_then_results_as_they_end_then_what_has_not_ended()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var watch = await OpenAsync(gateway);
        gateway.Scheduler.OnAdmit = async (request, _) =>
        {
            await watch.EndAsync("t", "a", Result);
            return new AdmitResponse
            {
                Items = [.. request.Items.Select(ScriptedScheduler.Accept).Select(outcome => outcome.AssignmentId == "c" ? outcome with { Result = RawJson.FromString("{\n\"n\":2}") } : outcome)],
            };
        };

        var answer = await gateway.BatchAsync($"[{Bodies.HashOf("a")},{{}},{Bodies.HashOf("c")},{Bodies.HashOf("d")}]", "?wait=0.5");

        Assert.Equal((HttpStatusCode.OK, "application/x-ndjson"), (answer.Status, answer.MediaType));
        Assert.Equal(["1 400", "2 200", "0 200", "3 202"], answer.Lines.Select(line => $"{line.GetProperty("index")} {line.GetProperty("status")}"));
        Assert.Equal(Result, answer.Lines[2].GetProperty("result").GetRawText());
        Assert.Equal(("d", "queued"), (answer.Lines[3].GetProperty("assignment_id").GetString(), answer.Lines[3].GetProperty("state").GetString()));
    }

    [Fact]
    public async Task The_same_task_twice_in_a_batch_gets_two_lines()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var watch = await OpenAsync(gateway);
        gateway.Scheduler.OnAdmit = async (request, _) =>
        {
            await watch.EndAsync("t", "a", Result);
            return ScriptedScheduler.AcceptAll(request);
        };

        var answer = await gateway.BatchAsync($"[{Bodies.HashOf("a")},{Bodies.HashOf("a")}]", "?wait=30");

        Assert.Equal(["0 200", "1 200"], answer.Lines.Select(line => $"{line.GetProperty("index")} {line.GetProperty("status")}").Order());
    }

    [Fact]
    public async Task A_gateway_that_stops_answers_who_waits()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var admitted = new TaskCompletionSource();
        gateway.Scheduler.OnAdmit = (request, _) =>
        {
            admitted.TrySetResult();
            return Task.FromResult(ScriptedScheduler.AcceptAll(request));
        };
        var single = gateway.SubmitAsync(Bodies.HashOf("a"), "?wait=60");
        await admitted.Task;

        await gateway.StopAsync();

        Assert.Equal(HttpStatusCode.Accepted, (await single).Status);
    }

    [Fact]
    public async Task Health_says_when_no_scheduler_answers_and_liveness_does_not_care()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var watch = await gateway.Scheduler.WatchAsync();
        Assert.Equal(HttpStatusCode.OK, (await gateway.GetAsync("/healthz")).Status);
        var before = await gateway.GetAsync("/_health");

        await watch.OpenAsync();
        Answer after;
        do
        {
            after = await gateway.GetAsync("/_health");
        }
        while (after.Status != HttpStatusCode.OK);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, before.Status);
        Assert.Contains("no scheduler answers", before.Body);
    }

    private static async Task<WatchStream> OpenAsync(GatewayUnderTest gateway)
    {
        var watch = await gateway.Scheduler.WatchAsync();
        await watch.OpenAsync();
        return watch;
    }
}
