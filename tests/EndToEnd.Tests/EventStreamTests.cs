using System.Net;
using System.Text.Json.Nodes;

namespace Beamline.EndToEnd.Tests;

/// <summary>A task's events over HTTP while what stands behind the stream is killed: each event once, in order, none missing.</summary>
[Collection(PlatformGroup.Name)]
public sealed class EventStreamTests(SharedPlatform platform) : IAsyncLifetime
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(90));
    private TenantClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        await platform.RestoreAsync();
        _client = new TenantClient(platform.Processes.Gateway, "e2e", _patience.Token);
        await _client.DirectAsync();
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task An_open_stream_goes_on_when_its_scheduler_has_been_started_again()
    {
        await AskAsync("stream-scheduler");
        using var stream = await OpenAsync("stream-scheduler", after: null);
        Assert.Equal(["1 accepted", "2 approval_needed"], await NextAsync(stream, 2));

        await platform.Processes.KillAsync("scheduler");
        await platform.Processes.StartAsync("scheduler");
        await ApproveAsync("stream-scheduler");

        Assert.Equal(["3 completed"], await NextAsync(stream, 1));
        Assert.Empty(await NextAsync(stream, 1));
    }

    [Fact]
    public async Task After_the_gateway_has_been_started_again_it_resumes_behind_the_last_event_that_was_seen()
    {
        await AskAsync("stream-gateway");
        using (var stream = await OpenAsync("stream-gateway", after: null))
        {
            Assert.Equal(["1 accepted", "2 approval_needed"], await NextAsync(stream, 2));
            await platform.Processes.KillAsync("gateway");
            await Assert.ThrowsAnyAsync<IOException>(() => NextAsync(stream, 1));
        }

        await platform.Processes.StartAsync("gateway");
        await platform.Processes.KillAsync("scheduler");
        await platform.Processes.StartAsync("scheduler");
        await ApproveAsync("stream-gateway");

        using var resumed = await OpenAsync("stream-gateway", after: 2);
        Assert.Equal(["3 completed"], await NextAsync(resumed, 5));
        using var again = await OpenAsync("stream-gateway", after: 1);
        Assert.Equal(["2 approval_needed", "3 completed"], await NextAsync(again, 5));
    }

    /// <summary>Submits a question, and waits until it is asked.</summary>
    private async Task AskAsync(string id)
    {
        await _client.SubmitAsync(_client.Assignment(id, TenantClient.Question()));
        await _client.UntilAsync($"/v1/tasks/{id}", told => told.Text("state") == "waiting");
    }

    /// <summary>As a person does who is answered 503 while the scheduler comes back.</summary>
    private async Task ApproveAsync(string id)
    {
        while ((await _client.PostAsync($"/v1/approvals/{id}", new JsonObject { ["approved"] = true, ["approver"] = "ann" })).Status != HttpStatusCode.OK)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, _patience.Token);
        }
    }

    private async Task<StreamReader> OpenAsync(string id, long? after)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"/v1/tasks/{id}/events?tenant_id=e2e", UriKind.Relative));
        if (after is not null)
        {
            request.Headers.Add("Last-Event-ID", after.ToString());
        }

        var answer = await _client.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, _patience.Token);
        Assert.Equal((HttpStatusCode.OK, "text/event-stream"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        return new StreamReader(await answer.Content.ReadAsStreamAsync(_patience.Token));
    }

    /// <summary>The next so many events as "id type", or fewer when the stream ends.</summary>
    private async Task<List<string>> NextAsync(StreamReader stream, int count)
    {
        var events = new List<string>();
        var id = "";
        while (events.Count < count && await stream.ReadLineAsync(_patience.Token) is { } line)
        {
            id = line.StartsWith("id: ", StringComparison.Ordinal) ? line["id: ".Length..] : id;
            if (line.StartsWith("event: ", StringComparison.Ordinal))
            {
                events.Add($"{id} {line["event: ".Length..]}");
            }
        }

        return events;
    }
}
