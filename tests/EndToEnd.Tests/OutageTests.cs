using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>What still works while a part is away, and that everything comes right by itself when it is back.</summary>
[Collection(PlatformGroup.Name)]
public sealed class OutageTests(SharedPlatform platform) : IAsyncLifetime
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));
    private readonly GatewayClient _client = new(platform.Processes.Gateway);

    public async ValueTask InitializeAsync() => await platform.RestoreAsync();

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task While_the_bus_is_away_everything_over_HTTP_goes_on_and_results_arrive_on_the_bus_after_it_is_back()
    {
        await platform.SetFaultAsync("bus", "away");
        string[] ids = [.. Enumerable.Range(0, 10).Select(n => $"bus-away-{n}")];
        var results = await Task.WhenAll(ids.Select(async id =>
        {
            await _client.SubmitAsync(GatewayClient.Assignment(id, Hash()), wait: true, _patience.Token);
            return await _client.ResultAsync(id, _patience.Token);
        }));
        Assert.All(results, result => Assert.Contains("\"success\"", result, StringComparison.Ordinal));
        Assert.Empty(platform.Router.SeenBytes(RouterApp.Results, result => ids.Contains(RouterApp.IdOf(result))));

        await platform.SetFaultAsync("bus", "up");
        for (var i = 0; i < ids.Length; i++)
        {
            Assert.Equal(results[i], Encoding.UTF8.GetString(await PublishedAsync(ids[i])));
        }
    }

    [Fact]
    public async Task While_the_state_store_is_away_admission_refuses_and_running_work_goes_on()
    {
        var held = new JsonObject { ["type"] = "http.request", ["url"] = new Uri(platform.Witness.Address, "/held").ToString() };
        await _client.SubmitAsync(GatewayClient.Assignment("state-away-runs", held), wait: false, _patience.Token);
        await platform.Witness.Holding.WaitAsync(_patience.Token);

        await platform.SetFaultAsync("state", "away");
        using (var refused = await PostAsync("state-away-refused"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        platform.Witness.Release();
        Assert.Contains("\"success\"", await _client.ResultAsync("state-away-runs", _patience.Token), StringComparison.Ordinal);
        await PublishedAsync("state-away-runs");

        await platform.SetFaultAsync("state", "up");
        await _client.SubmitAsync(GatewayClient.Assignment("state-away-refused", Hash()), wait: false, _patience.Token);
        Assert.Contains("\"success\"", await _client.ResultAsync("state-away-refused", _patience.Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_slow_state_store_admission_takes_as_long_and_with_one_too_slow_it_refuses()
    {
        await platform.SetFaultAsync("state", "slow", TimeSpan.FromMilliseconds(300));
        var started = TimeProvider.System.GetTimestamp();
        await _client.SubmitAsync(GatewayClient.Assignment("state-slow", Hash()), wait: false, _patience.Token);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(5));
        Assert.Contains("\"success\"", await _client.ResultAsync("state-slow", _patience.Token), StringComparison.Ordinal);

        await platform.SetFaultAsync("state", "slow", TimeSpan.FromSeconds(5));
        using (var refused = await PostAsync("state-too-slow"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        await platform.SetFaultAsync("state", "up");
        await _client.SubmitAsync(GatewayClient.Assignment("state-too-slow", Hash()), wait: false, _patience.Token);
        Assert.Contains("\"success\"", await _client.ResultAsync("state-too-slow", _patience.Token), StringComparison.Ordinal);
        await PublishedAsync("state-too-slow");
    }

    [Fact]
    public async Task While_no_scheduler_answers_submits_wait_on_the_bus_and_run_when_it_is_back()
    {
        await platform.Processes.KillAsync("scheduler");
        using (var queued = await PostAsync("scheduler-away"))
        {
            Assert.Equal(HttpStatusCode.Accepted, queued.StatusCode);
            var answer = JsonNode.Parse(await queued.Content.ReadAsStringAsync(_patience.Token))!;
            Assert.Equal("queued", answer["state"]!.GetValue<string>());
        }

        using (var read = await _client.Http.GetAsync(new Uri("/v1/tasks/scheduler-away?tenant_id=e2e", UriKind.Relative), _patience.Token))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, read.StatusCode);
        }

        await platform.Processes.StartAsync("scheduler");
        Assert.Contains("\"success\"", await _client.ResultAsync("scheduler-away", _patience.Token), StringComparison.Ordinal);
        await PublishedAsync("scheduler-away");
    }

    [Fact]
    public async Task With_the_scheduler_and_the_bus_away_submits_are_refused_until_one_is_back()
    {
        await platform.Processes.KillAsync("scheduler");
        await platform.SetFaultAsync("bus", "away");
        using (var refused = await PostAsync("both-away"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        await platform.SetFaultAsync("bus", "up");
        await _client.SubmitAsync(GatewayClient.Assignment("both-away", Hash()), wait: false, _patience.Token);
        await platform.Processes.StartAsync("scheduler");
        Assert.Contains("\"success\"", await _client.ResultAsync("both-away", _patience.Token), StringComparison.Ordinal);
    }

    private static JsonObject Hash() => new() { ["type"] = "crypto.hash", ["algorithm"] = "sha256", ["content"] = "abc" };

    private Task<HttpResponseMessage> PostAsync(string id) => _client.PostAsync(GatewayClient.Assignment(id, Hash()), wait: false, _patience.Token);

    private Task<byte[]> PublishedAsync(string id) =>
        platform.Router.NextAsync(RouterApp.Results, result => RouterApp.IdOf(result) == id, _patience.Token);
}
