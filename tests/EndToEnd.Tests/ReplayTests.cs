using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>Steps that failed for good, inspected and replayed over real processes, while a witness outside sees what runs.</summary>
[Collection(PlatformGroup.Name)]
public sealed class ReplayTests(SharedPlatform platform) : IAsyncLifetime
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(120));
    private GatewayClient _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        await platform.RestoreAsync();
        _gateway = new GatewayClient(platform.Processes.Gateway);
    }

    public ValueTask DisposeAsync()
    {
        _gateway.Dispose();
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task What_failed_is_inspected_replayed_and_succeeds_this_time()
    {
        await FailAsync("replay-one");
        var letter = Assert.Single(await LettersAsync("replay-one"));
        var id = letter["dead_letter_id"]!.GetValue<string>();
        var inspected = await GetAsync($"/v1/dlq/{id}?tenant_id=e2e");
        Assert.Equal(("http_error", "replay-one"), (inspected["reason"]!.GetValue<string>(), inspected["assignment"]!["assignment_id"]!.GetValue<string>()));
        Assert.Equal("error", inspected["result"]!["status"]!.GetValue<string>());

        platform.Witness.Mend("replay-one");
        var (status, answer) = await PostAsync($"/v1/dlq/{id}:replay?tenant_id=e2e", new JsonObject { ["requested_by"] = "ann", ["comment"] = "mended" });
        Assert.Equal(HttpStatusCode.Accepted, status);
        var task = await ReplayedAsync("replay-one");
        Assert.Equal(("success", 1), (task["state"]!.GetValue<string>(), task["replay"]!.GetValue<int>()));
        Assert.Equal([("replay-one", 1)], platform.Witness.Mended.Where(run => run.Assignment == "replay-one"));

        var replayed = (await GetAsync($"/v1/dlq/{id}?tenant_id=e2e"))["replayed"]!;
        Assert.Equal(
            (answer["replay_id"]!.GetValue<string>(), "replayed", "ann", "mended", "success"),
            (Text(replayed, "replay_id"), Text(replayed, "state"), Text(replayed, "requested_by"), Text(replayed, "comment"), Text(replayed, "task_state")));
        Assert.Equal(HttpStatusCode.Conflict, (await PostAsync($"/v1/dlq/{id}:replay?tenant_id=e2e", [])).Status);
        foreach (var replay in (int[])[0, 1])
        {
            await platform.Router.NextAsync(RouterApp.Results, result => Text(result, "id") == $"result:e2e:replay-one:{replay}", _patience.Token);
        }
    }

    [Fact]
    public async Task Of_many_each_is_replayed_once_although_the_scheduler_is_killed_in_the_middle()
    {
        var ids = Enumerable.Range(0, 40).Select(n => $"replay-many-{n}").ToList();
        await Task.WhenAll(ids.Select(FailAsync));
        platform.Witness.Mend("replay-many");
        var letters = (await LettersAsync("replay-many-")).Select(letter => Text(letter, "dead_letter_id")).ToArray();
        Assert.Equal(40, letters.Length);
        var (status, answer) = await PostAsync("/v1/dlq:replay?tenant_id=e2e", new JsonObject
        {
            ["filter"] = new JsonObject { ["ids"] = new JsonArray([.. letters.Select(letter => JsonValue.Create(letter))]), ["reason"] = "http_error" },
            ["rate"] = 10,
            ["requested_by"] = "ann",
        });
        Assert.Equal((HttpStatusCode.Accepted, 40), (status, answer["accepted"]!.GetValue<int>()));

        var replay = Text(answer, "replay_id");
        foreach (var (some, failpoint) in new[] { (8, "scheduler.before-replay:4"), (16, "scheduler.after-replay:4"), (24, "") })
        {
            await UntilAsync(async () => (await GetAsync($"/v1/dlq/replays/{replay}?tenant_id=e2e"))["replayed"]!.GetValue<int>() >= some);
            await platform.Processes.KillAsync("scheduler");
            await platform.Processes.StartAsync("scheduler", failpoint.Length == 0 ? null : failpoint);
            if (failpoint.Length > 0)
            {
                await platform.Processes["scheduler"].WaitForExitAsync(TimeSpan.FromSeconds(30));
                await platform.Processes.StartAsync("scheduler");
            }
        }

        foreach (var id in ids)
        {
            Assert.Equal("success", Text(await ReplayedAsync(id), "state"));
            await platform.Router.NextAsync(RouterApp.Results, result => Text(result, "id") == $"result:e2e:{id}:1", _patience.Token);
            var published = platform.Router.SeenBytes(RouterApp.Results, result => Text(result, "id") == $"result:e2e:{id}:1");
            Assert.Single(published.Select(Encoding.UTF8.GetString).Distinct());
        }

        var told = await GetAsync($"/v1/dlq/replays/{replay}?tenant_id=e2e");
        Assert.Equal((40, 0, 0), (told["replayed"]!.GetValue<int>(), told["waiting"]!.GetValue<int>(), told["refused"]!.GetValue<int>()));
        var runs = platform.Witness.Mended.Where(run => run.Assignment.StartsWith("replay-many-", StringComparison.Ordinal)).Distinct().ToList();
        Assert.Equal(ids.Order().Select(id => (id, 1)), runs.OrderBy(run => run.Assignment, Comparer<string>.Default));
    }

    private async Task FailAsync(string id)
    {
        var job = new JsonObject { ["type"] = "http.request", ["url"] = new Uri(platform.Witness.Address, "/broken").ToString() };
        await _gateway.SubmitAsync(GatewayClient.Assignment(id, job), wait: true, _patience.Token);
        Assert.Equal("error", Text(JsonNode.Parse(await _gateway.ResultAsync(id, _patience.Token))!, "status"));
    }

    private async Task<IReadOnlyList<JsonNode>> LettersAsync(string prefix) =>
        [.. (await GetAsync("/v1/dlq?tenant_id=e2e&limit=500"))["dead_letters"]!.AsArray().OfType<JsonNode>()
            .Where(letter => letter["assignment"]?["assignment_id"]?.GetValue<string>().StartsWith(prefix, StringComparison.Ordinal) == true)];

    /// <summary>The task once its replay has ended.</summary>
    private async Task<JsonNode> ReplayedAsync(string id)
    {
        JsonNode task = new JsonObject();
        await UntilAsync(async () => (task = await GetAsync($"/v1/tasks/{id}?tenant_id=e2e&wait=5"))["replay"] is not null && task["result"] is not null);
        return task;
    }

    private async Task<JsonNode> GetAsync(string path)
    {
        JsonNode? read = null;
        await UntilAsync(async () =>
        {
            using var answer = await _gateway.Http.GetAsync(new Uri(path, UriKind.Relative), _patience.Token);
            // No scheduler answers while it is killed.
            read = answer.IsSuccessStatusCode ? JsonNode.Parse(await answer.Content.ReadAsStringAsync(_patience.Token)) : null;
            return read is not null;
        });
        return read!;
    }

    private async Task<(HttpStatusCode Status, JsonNode Answer)> PostAsync(string path, JsonObject body)
    {
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await _gateway.Http.PostAsync(new Uri(path, UriKind.Relative), content, _patience.Token);
        return (answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync(_patience.Token))!);
    }

    private async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, _patience.Token);
        }
    }

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();
}
