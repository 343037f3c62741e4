using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Beamline.Local.Platform;
using Beamline.TestKit;

namespace Beamline.Local.Tests;

public sealed class LocalPlatformTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_step_that_may_call_the_loopback_still_does_not_reach_the_gateway()
    {
        await using var platform = await StartAsync(("Http:Egress:Allow:0", "127.0.0.1"));

        var result = await RunAsync(platform, new JsonObject { ["type"] = "http.request", ["method"] = "GET", ["url"] = new Uri(platform.Gateway, "/healthz").ToString() });

        Assert.Equal(("error", 2003), (result["status"]!.GetValue<string>(), result["error_code"]!.GetValue<int>()));
        Assert.Contains("the platform's own ports", result["error"]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_listener_for_metrics_serves_the_process()
    {
        var port = TestKit.Processes.FreePorts.Take(1)[0];
        await using var platform = await StartAsync(arguments: ["--prometheus-endpoint", $"127.0.0.1:{port}"]);
        using var http = new HttpClient();

        Assert.Contains("gateway_requests_total", await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"), Token), StringComparison.Ordinal);
    }

    private async Task<LocalPlatform> StartAsync((string Key, string Value)? setting = null, params string[] arguments) => await LocalPlatform.StartAsync(
        new LocalOptions
        {
            DataDirectory = _folder.File("data"),
            Urls = "http://127.0.0.1:0",
            ComponentsPath = Path.Combine(AppContext.BaseDirectory, "components"),
            ServiceArguments = arguments,
            Settings = new Dictionary<string, string?> { ["Logging:Console"] = "false", [setting?.Key ?? "None"] = setting?.Value },
        },
        Token);

    private static async Task<JsonNode> RunAsync(LocalPlatform platform, JsonObject job)
    {
        using var http = new HttpClient { BaseAddress = platform.Gateway };
        var task = new JsonObject { ["version"] = "1", ["executor"] = new JsonObject { ["provider_id"] = "test" }, ["job"] = job };
        using var answer = await http.PostAsJsonAsync(new Uri("/v1/tasks?wait=30", UriKind.Relative), task, Token);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(Token))!;
    }
}
