using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>What a Router on the bus sees, through real processes and sockets.</summary>
[Collection(PlatformGroup.Name)]
public sealed class WireTests(SharedPlatform platform) : IAsyncLifetime
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(30));

    public async ValueTask InitializeAsync() => await platform.RestoreAsync();

    public ValueTask DisposeAsync()
    {
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task An_assignment_on_the_bus_comes_back_as_ack_and_result_in_the_contracted_form()
    {
        await PublishAsync("""
            {"version":"1","assignment_id":"bus-1","request_id":"req-1","tenant_id":"e2e","trace_id":"trace-abc","run_id":"run-def","flow_id":"f||1","step_id":"s1",
             "id":"a-routers-own","big":123456789012345678901234567890,
             "executor":{"provider_id":"router"},"job":{"type":"crypto.hash","block_version":"1","algorithm":"sha256","content":"abc"}}
            """);

        var ack = await AckOfAsync("bus-1");
        Assert.Equal(
            """{"id":"ack:e2e:bus-1:1","assignment_id":"bus-1","status":"accepted","message":"Assignment accepted for execution","request_id":"req-1","trace_id":"trace-abc","tenant_id":"e2e","acknowledged_at":0}""",
            WithZeros(ack, "acknowledged_at"));

        var result = await ResultOfAsync("bus-1");
        Assert.Equal(
            """{"id":"result:e2e:bus-1:0","assignment_id":"bus-1","request_id":"req-1","status":"success","result":{"algorithm":"sha256","digest":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size_bytes":3},"outputs":{"algorithm":"sha256","digest":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size_bytes":3},"error":null,"error_code":0,"latency_ms":0,"retries_used":0,"metadata":{},"trace_id":"trace-abc","run_id":"run-def","flow_id":"f||1","step_id":"s1","tenant_id":"e2e","completed_at":0}""",
            WithZeros(result, "latency_ms", "completed_at", "metadata"));

        var metadata = JsonNode.Parse(result)!["metadata"]!.AsObject();
        metadata.Remove("metrics");
        Assert.Equal(
            """{"block_type":"crypto.hash","block_version":"1","provider_id":"router","worker_id":"cpu-executor-1","pool":"cpu","attempt":1,"delivery":1,"replay":0}""",
            metadata.ToJsonString());
    }

    [Fact]
    public async Task The_same_assignment_twice_is_acknowledged_twice_and_runs_once()
    {
        const string Assignment = """{"version":"1","assignment_id":"twice","request_id":"r","tenant_id":"e2e","executor":{"provider_id":"p"},"job":{"type":"crypto.hash","algorithm":"sha256","content":"x"}}""";
        await PublishAsync(Assignment);
        await ResultOfAsync("twice");
        await PublishAsync(Assignment);

        await platform.Router.NextAsync(RouterApp.Acks, ack => RouterApp.IdOf(ack) == "twice" && ack["id"]!.GetValue<string>() != "ack:e2e:twice:1", _patience.Token);
        var results = platform.Router.Seen(RouterApp.Results).Where(result => RouterApp.IdOf(result) == "twice").Select(result => result.ToJsonString()).Distinct();
        Assert.Single(results);
    }

    [Theory]
    [InlineData("""{"version":"2","assignment_id":"bad-version","request_id":"r","tenant_id":"e2e","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""", "bad-version", 1001)]
    [InlineData("""{"version":"1","assignment_id":"bad-request","tenant_id":"e2e","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""", "bad-request", 1002)]
    [InlineData("""{"version":"1","assignment_id":"bad-tenant","request_id":"r","tenant_id":"e.2.e","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""", "bad-tenant", 1003)]
    [InlineData("""{"version":"1","assignment_id":"bad-type","request_id":"r","tenant_id":"e2e","executor":{"provider_id":"p"},"job":{"type":"no.such"}}""", "bad-type", 1001)]
    public async Task What_does_not_validate_is_rejected_with_its_code(string assignment, string id, int number)
    {
        await PublishAsync(assignment);
        var ack = JsonNode.Parse(await AckOfAsync(id))!;
        Assert.Equal("rejected", ack["status"]!.GetValue<string>());
        Assert.Equal(number, ack["error"]!["number"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_rejection_is_told_among_its_tenants_events()
    {
        await PublishAsync("""{"version":"2","assignment_id":"told","request_id":"r","tenant_id":"e2e","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""");
        var pack = JsonNode.Parse(await platform.Router.NextAsync(RouterApp.Events, pack => EventsOf(pack, "told").Any(), _patience.Token))!;
        var told = Assert.Single(EventsOf(pack, "told"));
        Assert.Equal("rejected", TypeOf(told));
        Assert.Equal(1001, told["data"]!["number"]!.GetValue<int>());
    }

    [Fact]
    public async Task What_cannot_be_parsed_is_dead_lettered_with_its_raw_bytes()
    {
        const string Broken = """{"version":"1","assignment_id":"broken","tenant_""";
        await PublishAsync(Broken);
        await platform.Router.NextAsync(
            RouterApp.DeadLetters,
            letter => letter["assignment_raw_base64"] is { } raw && Encoding.UTF8.GetString(Convert.FromBase64String(raw.GetValue<string>())) == Broken,
            _patience.Token);
    }

    [Fact]
    public async Task A_failed_step_is_dead_lettered_and_its_events_are_told_in_order()
    {
        await PublishAsync("""{"version":"1","assignment_id":"fails","request_id":"r","tenant_id":"e2e","executor":{"provider_id":"p"},"job":{"type":"fs.blob_get","path":"/../etc/passwd"}}""");
        var letter = JsonNode.Parse(await platform.Router.NextAsync(RouterApp.DeadLetters, letter => letter["result"]?["assignment_id"]?.GetValue<string>() == "fails", _patience.Token))!;
        Assert.Equal(2003, letter["result"]!["error_code"]!.GetValue<int>());

        await platform.Router.NextAsync(RouterApp.Events, pack => EventsOf(pack, "fails").Any(item => TypeOf(item) == "dead_lettered"), _patience.Token);
        var events = platform.Router.Seen(RouterApp.Events).SelectMany(pack => EventsOf(pack, "fails"))
            .DistinctBy(item => item["event_id"]!.GetValue<string>()).OrderBy(item => item["sequence"]!.GetValue<long>())
            .Select(TypeOf);
        Assert.Equal(["accepted", "started", "failed", "dead_lettered"], events);
    }

    [Fact]
    public async Task A_cancellation_that_overtakes_its_assignment_wins()
    {
        await RouterApp.PublishAsync(platform.Processes, "caf.exec.cancel.v1", """{"assignment_id":"early","tenant_id":"e2e","requested_at":1}""", _patience.Token);

        // The two subjects have lanes of their own, so either may arrive first; not_before keeps the task from ending by itself.
        await PublishAsync("""{"version":"1","assignment_id":"early","request_id":"r","tenant_id":"e2e","executor":{"provider_id":"p"},"not_before":4102444800000,"job":{"type":"crypto.hash","algorithm":"sha256","content":"x"}}""");
        var result = JsonNode.Parse(await ResultOfAsync("early"))!;
        Assert.Equal("cancelled", result["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Workers_send_heartbeats()
    {
        var beat = JsonNode.Parse(await platform.Router.NextAsync(RouterApp.Heartbeats, beat => beat["pool"]!.GetValue<string>() == "io", _patience.Token))!;
        Assert.Equal("io-executor-1", beat["worker_id"]!.GetValue<string>());
        Assert.Contains("http.request", beat["block_types"]!.AsArray().Select(block => block!["type"]!.GetValue<string>()));
    }

    private static IEnumerable<JsonNode> EventsOf(JsonNode pack, string id) => pack["events"]!.AsArray().Where(item => RouterApp.IdOf(item!) == id)!;

    private static string TypeOf(JsonNode item) => item["type"]!.GetValue<string>();

    private static string WithZeros(byte[] json, params string[] fields)
    {
        var node = JsonNode.Parse(json)!.AsObject();
        foreach (var field in fields)
        {
            node[field] = node[field] is JsonObject ? new JsonObject() : 0;
        }

        return node.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    private Task PublishAsync(string assignment) => RouterApp.PublishAsync(platform.Processes, "caf.exec.assign.v1", assignment, _patience.Token);

    private Task<byte[]> AckOfAsync(string id) => platform.Router.NextAsync(RouterApp.Acks, ack => RouterApp.IdOf(ack) == id, _patience.Token);

    private Task<byte[]> ResultOfAsync(string id) => platform.Router.NextAsync(RouterApp.Results, result => RouterApp.IdOf(result) == id, _patience.Token);
}
