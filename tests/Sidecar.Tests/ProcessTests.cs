using System.Diagnostics;
using System.Net;

namespace Beamline.Sidecar.Tests;

/// <summary>The sidecar as a process: its command line, its end by SIGTERM, and what a SIGKILL leaves.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("sidecar-process-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Every_answered_publish_survives_a_kill_of_the_process()
    {
        var components = Directory.CreateDirectory(Path.Combine(_root, "components")).FullName;
        await File.WriteAllTextAsync(Path.Combine(components, "bus.yaml"), TestSidecar.Bus, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(components, "lane.yaml"),
            TestSidecar.Component("lane", "pubsub.jetstream", ("durableName", "d"), ("queueGroupName", "d"), ("ackWait", "5s")),
            TestContext.Current.CancellationToken);
        var data = Path.Combine(_root, "data");
        var answered = await PublishUntilKilledAsync(data, components);

        await using var sidecar = await EmbeddedSidecar.StartAsync(
            new SidecarOptions { DataDirectory = data, ComponentsPath = components },
            Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TestContext.Current.CancellationToken);
        var app = new TestApp { Subscriptions = """[{"pubsubname":"lane","topic":"beamline.work","route":"/work"}]""" };
        await sidecar.AddAppAsync(new SidecarAppOptions { AppId = "worker", AppHandler = app.Handler() }, TestContext.Current.CancellationToken);

        Assert.NotEmpty(answered);
        var missing = new HashSet<string>(answered);
        while (missing.Count > 0)
        {
            missing.Remove((await app.NextAsync()).Body);
        }
    }

    [Fact]
    public async Task Every_fault_of_the_command_line_is_named_at_once()
    {
        using var process = Start("--bogus", "--app", "nonsense", "--synchronous", "maybe");

        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(2, process.ExitCode);
        Assert.All(["--bogus is not known", "--data is needed", "--app nonsense", "--synchronous maybe"], fault => Assert.Contains(fault, errors, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Unsupported_components_are_all_named_at_the_start()
    {
        await File.WriteAllTextAsync(Path.Combine(_root, "a.yaml"), TestSidecar.Component("r", "state.redis"), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_root, "b.yaml"), TestSidecar.Component("p", "pubsub.jetstream", ("concurrency", "parallel"), ("jwt", "x")), TestContext.Current.CancellationToken);
        using var process = Start("--data", Path.Combine(_root, "data"), "--components", _root, "--app", "shop=0");

        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(2, process.ExitCode);
        Assert.All(["state.redis", "concurrency must be single", "'jwt'"], fault => Assert.Contains(fault, errors, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_taken_port_is_said_in_a_line()
    {
        using var taken = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        using var process = Start("--data", Path.Combine(_root, "data"), "--app", $"shop={((IPEndPoint)taken.LocalEndpoint).Port}");

        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(2, process.ExitCode);
        Assert.Contains("sidecar: ", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("\n   at ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_fault_route_switches_the_bus_over_HTTP_and_the_log_is_JSON_lines_on_stderr()
    {
        var components = Directory.CreateDirectory(Path.Combine(_root, "components")).FullName;
        await File.WriteAllTextAsync(Path.Combine(components, "bus.yaml"), TestSidecar.Bus, TestContext.Current.CancellationToken);
        using var process = Start("--data", Path.Combine(_root, "data"), "--components", components, "--app", "shop=0", "--fault-route", "on");
        using var client = new HttpClient { BaseAddress = await EndpointAsync(process) };

        Assert.Equal(HttpStatusCode.NoContent, await PublishAsync());
        Assert.Equal(HttpStatusCode.NoContent, await SwitchAsync("bus", """{"mode":"away"}"""));
        Assert.Equal(HttpStatusCode.InternalServerError, await PublishAsync());
        Assert.Contains("\"away\"", await client.GetStringAsync("/beamline/faults", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, await SwitchAsync("bus", """{"mode":"broken"}"""));
        Assert.Equal(HttpStatusCode.NotFound, await SwitchAsync("moon", """{"mode":"away"}"""));
        Assert.Equal(HttpStatusCode.NoContent, await SwitchAsync("bus", """{"mode":"up"}"""));
        Assert.Equal(HttpStatusCode.NoContent, await PublishAsync());

        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        var lines = (await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
        var first = System.Text.Json.JsonElement.Parse(lines[0]);
        Assert.Equal(("INFO", "sidecar"), (first.GetProperty("level").GetString(), first.GetProperty("component").GetString()));

        async Task<HttpStatusCode> PublishAsync() =>
            (await client.CallAsync(HttpMethod.Post, "/v1.0/publish/bus/beamline.work?metadata.rawPayload=true", "{}")).Status;

        async Task<HttpStatusCode> SwitchAsync(string what, string json) => (await client.CallAsync(HttpMethod.Put, $"/beamline/faults/{what}", json)).Status;
    }

    private static async Task<IReadOnlyCollection<string>> PublishUntilKilledAsync(string data, string components)
    {
        using var process = Start("--data", data, "--components", components, "--app", "shop=0", "--health-check", "off");
        var endpoint = await EndpointAsync(process);
        using var client = new HttpClient { BaseAddress = endpoint };
        var answered = new System.Collections.Concurrent.ConcurrentBag<string>();
        using var enough = new SemaphoreSlim(0);
        var publishers = Enumerable.Range(0, 8).Select(async publisher =>
        {
            try
            {
                for (var number = 0; ; number++)
                {
                    var body = $$"""{"p":{{publisher}},"n":{{number}}}""";
                    using var response = await client.PostAsync("/v1.0/publish/bus/beamline.work?metadata.rawPayload=true", new StringContent(body), TestContext.Current.CancellationToken);
                    Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
                    answered.Add(body);
                    enough.Release();
                }
            }
            catch (HttpRequestException)
            {
                // Killed.
            }
        }).ToList();
        for (var count = 0; count < 200; count++)
        {
            await enough.WaitAsync(TestContext.Current.CancellationToken);
        }

        process.Kill();
        await Task.WhenAll(publishers);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return answered;
    }

    private static async Task<Uri> EndpointAsync(Process process)
    {
        var line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("shop http://127.0.0.1:", line, StringComparison.Ordinal);
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        return new Uri(line!["shop ".Length..]);
    }

    private static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(
        Path.Combine(AppContext.BaseDirectory, "Beamline.Sidecar"), arguments)
    {
        RedirectStandardOutput = true, RedirectStandardError = true,
    })!;
}
