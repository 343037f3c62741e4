using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>What one tenant waits for, is refused or floods the platform with is no matter of the other's, over real processes.</summary>
[Collection(PlatformGroup.Name)]
public sealed class TenantShareTests(SharedPlatform platform) : IAsyncLifetime
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(90));
    private TenantClient _left = null!;
    private TenantClient _right = null!;
    private Witness _witness = null!;

    public async ValueTask InitializeAsync()
    {
        await platform.RestoreAsync();
        _witness = await Witness.StartAsync();
        _left = new TenantClient(platform.Processes.Gateway, "left", _patience.Token);
        _right = new TenantClient(platform.Processes.Gateway, "right", _patience.Token);
        await _left.DirectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _left.Dispose();
        _right.Dispose();
        _patience.Dispose();
        await _witness.DisposeAsync();
    }

    [Fact]
    public async Task One_over_its_quota_is_told_which_and_when_to_come_back_and_the_other_goes_on()
    {
        using var small = new TenantClient(platform.Processes.Gateway, SharedPlatform.SmallTenant, _patience.Token);
        for (var n = 0; n < SharedPlatform.SmallQuota; n++)
        {
            Assert.Equal(HttpStatusCode.Accepted, (await small.SubmitAsync(Later(small, $"quota-{n}"))).Status);
        }

        var refused = await small.SubmitAsync(Later(small, "quota-over"));
        Assert.Equal((HttpStatusCode.TooManyRequests, 2004, "queued"), (refused.Status, refused.Json["number"]!.GetValue<int>(), refused.Json["details"]!["limit"]!.GetValue<string>()));
        Assert.True(refused.Json["retry_after_ms"]!.GetValue<long>() > 0 && refused.RetryAfter > TimeSpan.Zero, refused.Json.ToJsonString());
        await RefusedOverTheBusAsync(small);
        Assert.Equal(HttpStatusCode.NotFound, (await small.GetAsync("/v1/tasks/quota-over")).Status);
        await _right.RunAsync("beside-quota", TenantClient.Hash("x"));

        // Room again: what was refused is taken under the same ids.
        Assert.Equal(HttpStatusCode.Accepted, (await small.DeleteAsync("/v1/tasks/quota-0")).Status);
        await small.UntilAsync("/v1/tasks/quota-0", told => told.Text("state") == "cancelled");
        Assert.Equal(HttpStatusCode.Accepted, (await small.SubmitAsync(Later(small, "quota-over"))).Status);
        foreach (var id in (string[])["quota-1", "quota-2", "quota-over"])
        {
            await small.DeleteAsync($"/v1/tasks/{id}");
        }
    }

    [Fact]
    public async Task The_same_concurrency_key_is_a_limit_of_each_and_the_wait_is_explained()
    {
        var first = _left.RunAsync("key-1", WithKey("/held"));
        await _witness.Holding.WaitAsync(_patience.Token);
        await _left.SubmitAsync(_left.Assignment("key-2", WithKey("/seen")));

        var explained = await _left.GetAsync("/v1/tasks/key-2/explain");
        Assert.Equal((HttpStatusCode.OK, "queued"), (explained.Status, explained.Text("state")));
        Assert.Contains(explained.Json["reasons"]!.AsArray(), reason => reason!["code"]!.GetValue<string>() == "limit" && reason["limit"]!.GetValue<string>() == "key_running");
        Assert.Equal(("io", 1, 1), (Text(explained, "pool"), Number(explained, "position"), Number(explained, "tenant_queued")));

        await _right.RunAsync("key-1", WithKey("/seen"));
        Assert.Equal("queued", (await _left.GetAsync("/v1/tasks/key-2")).Text("state"));
        _witness.Release();
        await first;
        Assert.Equal("success", (await _left.GetAsync("/v1/tasks/key-2?wait=20")).Text("state"));
        Assert.Empty((await _left.GetAsync("/v1/tasks/key-2/explain")).Json["reasons"]!.AsArray());

        static string Text(Told told, string name) => told.Json["queue"]![name]!.GetValue<string>();
        static int Number(Told told, string name) => told.Json["queue"]![name]!.GetValue<int>();
    }

    [Fact]
    public async Task Behind_a_flood_the_others_few_are_among_the_first_to_run_whatever_its_length()
    {
        const int Flood = 600;
        const int Few = 10;

        // Turns are taken at once by the slots of one worker (64), and what runs side by side arrives in any order.
        const int Turns = (2 * Few) + (2 * 64);
        await platform.Processes.KillAsync("io-executor");
        await SubmitManyAsync(_left, "flood", Flood);
        await SubmitManyAsync(_right, "few", Few);
        await platform.Processes.StartAsync("io-executor");

        await _left.UntilAsync($"/v1/tasks/flood-{Flood - 1}?wait=20", told => told.Text("state") == "success");
        await _right.UntilAsync($"/v1/tasks/few-{Few - 1}?wait=20", told => told.Text("state") == "success");
        var order = _witness.Sightings.Select(seen => seen.Assignment).ToList();
        var last = order.FindLastIndex(id => id.StartsWith("few-", StringComparison.Ordinal));
        Assert.Equal(Few, order.Count(id => id.StartsWith("few-", StringComparison.Ordinal)));
        Assert.InRange(last, Few - 1, Turns);
    }

    private static JsonObject Later(TenantClient tenant, string id) => tenant.Assignment(id, TenantClient.Hash("x"), ("not_before", TenantClient.FarAway));

    private JsonObject Call(string path) => new() { ["type"] = "http.request", ["url"] = new Uri(_witness.Address, path).ToString() };

    private JsonObject WithKey(string path)
    {
        var job = Call(path);
        job["concurrency_key"] = SharedPlatform.OneAtATime;
        return job;
    }

    private async Task RefusedOverTheBusAsync(TenantClient small)
    {
        await RouterApp.PublishAsync(platform.Processes, "caf.exec.assign.v1", Later(small, "quota-bus").ToJsonString(), _patience.Token);
        var ack = JsonNode.Parse(await platform.Router.NextAsync(RouterApp.Acks, ack => RouterApp.IdOf(ack) == "quota-bus", _patience.Token))!;
        Assert.Equal("rejected", ack["status"]!.GetValue<string>());
        Assert.Equal((2004, "queued"), (ack["error"]!["number"]!.GetValue<int>(), ack["error"]!["details"]!["limit"]!.GetValue<string>()));
        Assert.True(ack["error"]!["retry_after_ms"]!.GetValue<long>() > 0, ack.ToJsonString());
    }

    private async Task SubmitManyAsync(TenantClient tenant, string prefix, int count)
    {
        var tasks = new JsonArray([.. Enumerable.Range(0, count).Select(n => tenant.Assignment($"{prefix}-{n}", Call("/seen")))]);
        using var content = new StringContent(tasks.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await tenant.Http.PostAsync(new Uri("/v1/tasks:batch", UriKind.Relative), content, _patience.Token);
        var text = await answer.Content.ReadAsStringAsync(_patience.Token);
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Equal(count, text.Split("\"status\":202").Length - 1);
    }
}
