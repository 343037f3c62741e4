using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>Two tenants use the same ids over real processes: each has its own tasks, and neither reads or changes the other's.</summary>
[Collection(PlatformGroup.Name)]
public sealed class TenantIsolationTests(SharedPlatform platform) : IAsyncLifetime
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(90));
    private TenantClient _left = null!;
    private TenantClient _right = null!;

    public async ValueTask InitializeAsync()
    {
        await platform.RestoreAsync();
        _left = new TenantClient(platform.Processes.Gateway, "left", _patience.Token);
        _right = new TenantClient(platform.Processes.Gateway, "right", _patience.Token);
        await _left.DirectAsync();
    }

    public ValueTask DisposeAsync()
    {
        _left.Dispose();
        _right.Dispose();
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_same_ids_and_step_are_a_task_of_each()
    {
        var ofLeft = await RunAsync(_left, "left's");
        var ofRight = await RunAsync(_right, "right's");

        Assert.NotEqual(ofLeft["result"]!["digest"]!.GetValue<string>(), ofRight["result"]!["digest"]!.GetValue<string>());
        foreach (var tenant in (TenantClient[])[_left, _right])
        {
            var task = (await tenant.GetAsync("/v1/tasks/same")).Json;
            Assert.Equal(tenant.Tenant, task["tenant_id"]!.GetValue<string>());
            Assert.Equal(["accepted", "started", "completed"], await tenant.EventsAsync("same"));
            await platform.Router.NextAsync(RouterApp.Results, result => result["id"]!.GetValue<string>() == $"result:{tenant.Tenant}:same:0", _patience.Token);
        }

        async Task<JsonNode> RunAsync(TenantClient tenant, string content)
        {
            var assignment = tenant.Assignment("same", TenantClient.Hash(content), ("flow_id", "the-flow"), ("step_id", "the-step"));
            var told = await tenant.SubmitAsync(assignment, wait: true);
            Assert.True(told.Status == HttpStatusCode.OK && told.Text("status") == "success", $"{told.Status} {told.Json}");
            Assert.Equal(tenant.Tenant, told.Text("tenant_id"));
            return told.Json;
        }
    }

    [Fact]
    public async Task The_same_ids_over_the_bus_are_a_task_of_each()
    {
        foreach (var tenant in (TenantClient[])[_left, _right])
        {
            var assignment = tenant.Assignment("same-bus", TenantClient.Hash(tenant.Tenant), ("flow_id", "bus-flow"), ("step_id", "the-step"));
            await RouterApp.PublishAsync(platform.Processes, "caf.exec.assign.v1", assignment.ToJsonString(), _patience.Token);
        }

        foreach (var tenant in (string[])["left", "right"])
        {
            var body = await platform.Router.NextAsync(RouterApp.Results, result => result["id"]!.GetValue<string>() == $"result:{tenant}:same-bus:0", _patience.Token);
            Assert.Equal(Digest(tenant), JsonNode.Parse(body)!["result"]!["digest"]!.GetValue<string>());
        }
    }

    [Fact]
    public async Task The_same_idempotency_key_is_a_task_of_each_also_with_other_bodies()
    {
        var ofLeft = await _left.SubmitAsync(_left.Assignment(null, TenantClient.Hash("one")), wait: true, key: "order-1");
        var ofRight = await _right.SubmitAsync(_right.Assignment(null, TenantClient.Hash("two")), wait: true, key: "order-1");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (ofLeft.Status, ofRight.Status));
        Assert.Equal((Digest("one"), Digest("two")), (ofLeft.Json["result"]!["digest"]!.GetValue<string>(), ofRight.Json["result"]!["digest"]!.GetValue<string>()));
        Assert.NotEqual(ofLeft.Text("assignment_id"), ofRight.Text("assignment_id"));
        Assert.Equal(HttpStatusCode.NotFound, (await _right.GetAsync($"/v1/tasks/{ofLeft.Text("assignment_id")}")).Status);
    }

    [Fact]
    public async Task What_waits_is_not_there_for_the_other_and_nothing_that_the_other_asks_for_changes_it()
    {
        await _left.SubmitAsync(_left.Assignment("private", TenantClient.Question()));
        await _left.UntilAsync("/v1/tasks/private", told => told.Text("state") == "waiting");

        foreach (var path in (string[])["/v1/tasks/private", "/v1/tasks/private?wait=1", "/v1/tasks/private/events", "/v1/tasks/private/explain"])
        {
            AssertNothing(await _right.GetAsync(path));
        }

        AssertNothing(await _right.DeleteAsync("/v1/tasks/private"));
        AssertNothing(await _right.PostAsync("/v1/approvals/private", Decision()));
        Assert.DoesNotContain("private", (await _right.GetAsync("/v1/tasks?limit=500")).Json.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("private", (await _right.GetAsync("/v1/approvals?limit=500")).Json.ToJsonString(), StringComparison.Ordinal);

        Assert.Equal("waiting", (await _left.GetAsync("/v1/tasks/private")).Text("state"));
        Assert.Equal(HttpStatusCode.OK, (await _left.PostAsync("/v1/approvals/private", Decision())).Status);
        Assert.Equal("success", (await _left.GetAsync("/v1/tasks/private?wait=20")).Text("state"));
    }

    [Fact]
    public async Task A_cancellation_and_a_decision_over_the_bus_count_for_the_tenant_that_they_name()
    {
        foreach (var tenant in (TenantClient[])[_left, _right])
        {
            await tenant.SubmitAsync(tenant.Assignment("both-ask", TenantClient.Question()));
            await tenant.UntilAsync("/v1/tasks/both-ask", told => told.Text("state") == "waiting");
            await tenant.SubmitAsync(tenant.Assignment("both-wait", TenantClient.Hash("x"), ("not_before", TenantClient.FarAway)));
        }

        await RouterApp.PublishAsync(
            platform.Processes, "caf.exec.approval.v1",
            """{"assignment_id":"both-ask","tenant_id":"right","approved":true,"approver":"ann","decided_at":1}""", _patience.Token);
        await RouterApp.PublishAsync(
            platform.Processes, "caf.exec.cancel.v1", """{"assignment_id":"both-wait","tenant_id":"right","requested_at":1}""", _patience.Token);

        await _right.UntilAsync("/v1/tasks/both-ask?wait=5", told => told.Text("state") == "success");
        await _right.UntilAsync("/v1/tasks/both-wait?wait=5", told => told.Text("state") == "cancelled");
        Assert.Equal("waiting", (await _left.GetAsync("/v1/tasks/both-ask")).Text("state"));
        Assert.Equal("parked", (await _left.GetAsync("/v1/tasks/both-wait")).Text("state"));
        Assert.Equal(HttpStatusCode.Accepted, (await _left.DeleteAsync("/v1/tasks/both-ask")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await _left.DeleteAsync("/v1/tasks/both-wait")).Status);
    }

    [Fact]
    public async Task Dead_letters_and_their_replays_are_not_there_for_the_other()
    {
        var broken = new JsonObject { ["type"] = "http.request", ["url"] = new Uri(platform.Witness.Address, "/broken").ToString() };
        Assert.Equal(3003, await _left.FailAsync("dead", broken));
        var letters = await _left.UntilAsync("/v1/dlq?limit=500", told => LettersOf(told, "dead").Any());
        var letter = LettersOf(letters, "dead").Single();

        AssertNothing(await _right.GetAsync($"/v1/dlq/{letter}"));
        AssertNothing(await _right.PostAsync($"/v1/dlq/{letter}:replay", []));
        Assert.Empty(LettersOf(await _right.GetAsync("/v1/dlq?limit=500"), "dead"));
        var many = await _right.PostAsync("/v1/dlq:replay", new JsonObject { ["filter"] = new JsonObject { ["ids"] = new JsonArray(letter) } });
        Assert.Equal(0, many.Json["accepted"]?.GetValue<int>() ?? 0);
        Assert.Null((await _left.GetAsync($"/v1/dlq/{letter}")).Json["replayed"]);

        var replay = await _left.PostAsync($"/v1/dlq/{letter}:replay", []);
        Assert.Equal(HttpStatusCode.Accepted, replay.Status);
        AssertNothing(await _right.GetAsync($"/v1/dlq/replays/{replay.Text("replay_id")}"));
        Assert.Equal(HttpStatusCode.OK, (await _left.GetAsync($"/v1/dlq/replays/{replay.Text("replay_id")}")).Status);
    }

    [Fact]
    public async Task Events_are_told_on_the_topic_of_their_own_tenant_alone()
    {
        await _left.RunAsync("told", TenantClient.Hash("l"));
        await _right.RunAsync("told", TenantClient.Hash("r"));

        foreach (var (tenant, topic) in new[] { ("left", RouterApp.EventsOfLeft), ("right", RouterApp.EventsOfRight) })
        {
            await platform.Router.NextAsync(topic, pack => EventsOf(pack).Any(told => RouterApp.IdOf(told) == "told" && told["type"]!.GetValue<string>() == "completed"), _patience.Token);
            Assert.All(platform.Router.Seen(topic), pack => Assert.Equal(tenant, pack["tenant_id"]!.GetValue<string>()));
            Assert.All(platform.Router.Seen(topic).SelectMany(EventsOf), told => Assert.Equal(tenant, told["tenant_id"]!.GetValue<string>()));
        }

        static IEnumerable<JsonNode> EventsOf(JsonNode pack) => pack["events"]!.AsArray().OfType<JsonNode>();
    }

    private static JsonObject Decision() => new() { ["approved"] = true, ["approver"] = "ann" };

    private static string Digest(string content) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(content)));

    private static IEnumerable<string> LettersOf(Told told, string id) => told.Json["dead_letters"]!.AsArray().OfType<JsonNode>()
        .Where(letter => letter["assignment"]?["assignment_id"]?.GetValue<string>() == id).Select(letter => letter["dead_letter_id"]!.GetValue<string>());

    /// <summary>As for an id that nobody has.</summary>
    private static void AssertNothing(Told told) => Assert.True(told.Status == HttpStatusCode.NotFound, $"{told.Status} {told.Json}");
}
