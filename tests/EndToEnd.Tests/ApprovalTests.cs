using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>Steps that wait for a person, through real processes: decided over HTTP and over the bus, timed out, and none of it lost with a scheduler.</summary>
[Collection(PlatformGroup.Name)]
public sealed class ApprovalTests(SharedPlatform platform) : IAsyncLifetime
{
    private const int Killed = 128 + 9;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(90));
    private readonly GatewayClient _client = new(platform.Processes.Gateway);

    public async ValueTask InitializeAsync() => await platform.RestoreAsync();

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Approved_over_HTTP_it_ends_and_everybody_is_told_the_same()
    {
        var waited = _client.SubmitAsync(Question("approve-http"), wait: true, _patience.Token);
        await AskedAsync("approve-http");
        Assert.Contains("approve-http", await WaitingAsync());

        Assert.Equal((HttpStatusCode.Forbidden, 2003), await DecideAsync("approve-http", true, "eve"));
        Assert.Equal((HttpStatusCode.NotFound, 1001), await DecideAsync("approve-http", true, "ann", tenant: "other"));
        Assert.Equal((HttpStatusCode.OK, 0), await DecideAsync("approve-http", true, "ann"));
        Assert.Equal((HttpStatusCode.OK, 0), await DecideAsync("approve-http", true, "ann"));
        Assert.Equal((HttpStatusCode.Conflict, 1001), await DecideAsync("approve-http", false, "bob"));

        var result = await PublishedAsync("approve-http");
        Assert.Equal(result, await waited);
        AssertDecided(result, approved: true, "ann");
        Assert.DoesNotContain("approve-http", await WaitingAsync());
    }

    [Fact]
    public async Task Refused_over_the_bus_it_is_a_success_that_says_no()
    {
        await _client.SubmitAsync(Question("refuse-bus"), wait: false, _patience.Token);
        await AskedAsync("refuse-bus");

        await PublishAsync("refuse-bus", false, "eve");
        await PublishAsync("refuse-bus", false, "bob");

        AssertDecided(await PublishedAsync("refuse-bus"), approved: false, "bob");
        Assert.Equal(["accepted", "approval_needed", "completed"], await EventsAsync("refuse-bus"));
    }

    [Fact]
    public async Task Undecided_it_times_out_also_when_the_scheduler_was_killed_meanwhile()
    {
        await _client.SubmitAsync(Question("timeout", timeoutMs: 3_000), wait: false, _patience.Token);
        await AskedAsync("timeout");
        await platform.Processes.KillAsync("scheduler");
        await platform.Processes.StartAsync("scheduler");

        var result = JsonNode.Parse(await PublishedAsync("timeout"))!;
        Assert.Equal(("timeout", 5002), (result["status"]!.GetValue<string>(), result["error_code"]!.GetValue<int>()));
        Assert.Equal(["accepted", "approval_needed", "timed_out"], await EventsAsync("timeout"));
    }

    [Fact]
    public async Task Decided_over_the_bus_while_no_scheduler_runs_it_ends_when_one_is_back_and_nobody_is_asked_twice()
    {
        await _client.SubmitAsync(Question("killed"), wait: false, _patience.Token);
        await AskedAsync("killed");
        await platform.Processes.KillAsync("scheduler");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await DecideAsync("killed", true, "bob")).Status);
        await PublishAsync("killed", true, "bob");
        await platform.Processes.StartAsync("scheduler");

        AssertDecided(await PublishedAsync("killed"), approved: true, "bob");
        Assert.Equal(["accepted", "approval_needed", "completed"], await EventsAsync("killed"));
        var asked = platform.Router.Seen(RouterApp.Events).SelectMany(pack => pack["events"]!.AsArray()).Where(told => IsAbout(told!, "killed", "approval_needed"));
        Assert.Single(asked.Select(told => told!["event_id"]!.GetValue<string>()).Distinct());
    }

    [Theory]
    [InlineData("scheduler.before-commit")]
    [InlineData("scheduler.after-commit")]
    public async Task A_decision_that_kills_the_scheduler_is_taken_once_when_it_is_repeated(string failpoint)
    {
        var id = "at-" + failpoint;
        await _client.SubmitAsync(Question(id), wait: false, _patience.Token);
        await AskedAsync(id);
        await platform.Processes.KillAsync("scheduler");
        await platform.Processes.StartAsync("scheduler", failpoint);
        var death = platform.Processes["scheduler"].WaitForExitAsync(TimeSpan.FromSeconds(30));

        await DecidedAsync(id, death);

        AssertDecided(await PublishedAsync(id), approved: true, "ann");
        Assert.Single(platform.Router.SeenBytes(RouterApp.Results, result => RouterApp.IdOf(result) == id).Select(Encoding.UTF8.GetString).Distinct());
        Assert.Equal(["accepted", "approval_needed", "completed"], await EventsAsync(id));
    }

    private static JsonObject Question(string id, long timeoutMs = 600_000) => GatewayClient.Assignment(id, new JsonObject
    {
        ["type"] = "human.approval", ["prompt"] = "Pay?", ["approvers"] = new JsonArray("ann", "bob"), ["timeout_ms"] = timeoutMs,
    });

    private static void AssertDecided(string result, bool approved, string approver)
    {
        var read = JsonNode.Parse(result)!;
        Assert.Equal("success", read["status"]!.GetValue<string>());
        Assert.Equal((approved, approver), (read["result"]!["approved"]!.GetValue<bool>(), read["result"]!["approver"]!.GetValue<string>()));
        Assert.True(read["result"]!["approved_at"]!.GetValue<long>() <= read["completed_at"]!.GetValue<long>(), result);
    }

    private static bool IsAbout(JsonNode told, string id, string type) => RouterApp.IdOf(told) == id && told["type"]!.GetValue<string>() == type;

    /// <summary>As a person does who gets no answer: again, until there is one; a scheduler that has died is started again.</summary>
    private async Task DecidedAsync(string id, Task<int> death)
    {
        while ((await DecideAsync(id, true, "ann")).Status != HttpStatusCode.OK)
        {
            if (death.IsCompleted)
            {
                Assert.Equal(Killed, await death);
                await platform.RestoreAsync();
            }

            await Task.Delay(Between, TimeProvider.System, _patience.Token);
        }

        Assert.True(death.IsCompleted, "the failpoint was never reached");
    }

    private Task<byte[]> AskedAsync(string id) => platform.Router.NextAsync(
        RouterApp.Events, pack => pack["events"]!.AsArray().Any(told => IsAbout(told!, id, "approval_needed")), _patience.Token);

    private async Task<string> PublishedAsync(string id) =>
        Encoding.UTF8.GetString(await platform.Router.NextAsync(RouterApp.Results, result => RouterApp.IdOf(result) == id, _patience.Token));

    private Task PublishAsync(string id, bool approved, string approver) => RouterApp.PublishAsync(
        platform.Processes,
        "caf.exec.approval.v1",
        $$"""{"assignment_id":"{{id}}","tenant_id":"e2e","approved":{{(approved ? "true" : "false")}},"approver":"{{approver}}","decided_at":1}""",
        _patience.Token);

    private async Task<(HttpStatusCode Status, int Number)> DecideAsync(string id, bool approved, string approver, string tenant = "e2e")
    {
        using var content = new StringContent(new JsonObject { ["approved"] = approved, ["approver"] = approver }.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await _client.Http.PostAsync(new Uri($"/v1/approvals/{id}?tenant_id={tenant}", UriKind.Relative), content, _patience.Token);
        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync(_patience.Token))!;
        return (answer.StatusCode, body["number"]?.GetValue<int>() ?? 0);
    }

    private async Task<string[]> WaitingAsync()
    {
        var list = JsonNode.Parse(await _client.Http.GetStringAsync(new Uri("/v1/approvals?tenant_id=e2e", UriKind.Relative), _patience.Token))!;
        return [.. list["approvals"]!.AsArray().Select(each => each!["assignment_id"]!.GetValue<string>())];
    }

    private async Task<string[]> EventsAsync(string id)
    {
        var stream = await _client.Http.GetStringAsync(new Uri($"/v1/tasks/{id}/events?tenant_id=e2e", UriKind.Relative), _patience.Token);
        return [.. stream.Split('\n').Where(line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(line => line["event: ".Length..])];
    }
}
