using System.Text.Json.Nodes;
using Beamline.TestKit;
using Beamline.TestKit.Processes;

namespace Beamline.EndToEnd.Tests;

/// <summary>
/// Real processes killed at every row of the crash table and at random, while a client outside submits and a witness
/// outside sees what runs: nothing accepted is lost, and nothing runs twice but where a delivery says so.
/// </summary>
public sealed class CrashTests : IAsyncLifetime
{
    private const int Tasks = 60;

    private readonly TemporaryFolder _folder = new();
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(3));
    private Witness _witness = null!;
    private PlatformProcesses _platform = null!;

    public static TheoryData<string, string> Failpoints => new()
    {
        { "scheduler", "scheduler.before-commit:20" },
        { "scheduler", "scheduler.after-commit:20" },
        { "scheduler", "scheduler.before-answer:20" },
        { "scheduler", "scheduler.after-publish:3" },
        { "scheduler", "scheduler.before-keys:2" },
        { "io-executor", "executor.after-lease:5" },
        { "io-executor", "executor.before-run:10" },
        { "io-executor", "executor.after-run:10" },
        { "io-executor", "executor.before-report:5" },
        { "gateway", "gateway.after-admit:10" },
        { "gateway", "gateway.before-answer:10" },
        { "sidecar", "sidecar.after-commit:10" },
        { "sidecar", "sidecar.before-ack:2" },
    };

    public async ValueTask InitializeAsync()
    {
        _witness = await Witness.StartAsync();
        _platform = await PlatformProcesses.StartAsync(new PlatformProcessesOptions
        {
            DataDirectory = _folder.Path,
            Settings = new Dictionary<string, string?>
            {
                ["Http:Egress:Allow:0"] = "127.0.0.1",
                ["Http:TraceHeaders"] = "true",
            },
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _platform.DisposeAsync();
        await _witness.DisposeAsync();
        _patience.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Failpoints))]
    public async Task Nothing_is_lost_or_repeated_when_a_process_dies_at(string process, string failpoint)
    {
        await _platform.KillAsync(process);
        await _platform.StartAsync(process, failpoint);
        using var client = new GatewayClient(_platform.Gateway);

        var ids = Enumerable.Range(0, Tasks).Select(n => $"crash-{n}").ToArray();
        var results = Task.WhenAll(ids.Select(id => RunAsync(client, id)));
        await _platform[process].WaitForExitAsync(TimeSpan.FromSeconds(60));
        await _platform.StartAsync(process);

        AssertAllRight(ids, await results);
    }

    [Theory]
    [InlineData("scheduler")]
    [InlineData("io-executor")]
    [InlineData("gateway")]
    [InlineData("sidecar")]
    public async Task Nothing_is_lost_or_repeated_when_a_process_is_killed_at_random_moments(string process)
    {
        var random = new Random(11);
        using var client = new GatewayClient(_platform.Gateway);
        var ids = Enumerable.Range(0, Tasks * 3).Select(n => $"random-{n}").ToArray();
        var results = Task.WhenAll(ids.Select(id => RunAsync(client, id)));
        for (var kills = 0; kills < 3; kills++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(50, 500)), TimeProvider.System, _patience.Token);
            await _platform.KillAsync(process);
            await _platform.StartAsync(process);
        }

        AssertAllRight(ids, await results);
    }

    private async Task<JsonNode> RunAsync(GatewayClient client, string id)
    {
        // Every fifth may start once only.
        var job = new JsonObject { ["type"] = "http.request", ["url"] = new Uri(_witness.Address, "/seen").ToString() };
        if (id.EndsWith('5'))
        {
            job["redelivery"] = "at_most_once";
        }

        await client.SubmitAsync(GatewayClient.Assignment(id, job), _patience.Token);
        return await client.ResultAsync(id, _patience.Token);
    }

    private void AssertAllRight(string[] ids, JsonNode[] results)
    {
        Assert.Empty(_witness.Repeats());
        for (var i = 0; i < ids.Length; i++)
        {
            var (id, result) = (ids[i], results[i]);
            var status = result["status"]!.GetValue<string>();
            var runs = _witness.RunsOf(id);
            var delivery = result["metadata"]!["delivery"]!.GetValue<int>();
            if (id.EndsWith('5'))
            {
                Assert.True(runs <= 1, $"{id} is at_most_once and ran {runs} times");
                Assert.True(status == "success" || result["error"]?["details"]?["reason"]?.GetValue<string>() == "worker_lost", $"{id}: {result.ToJsonString()}");
                continue;
            }

            Assert.True(status == "success", $"{id}: {result.ToJsonString()}");
            Assert.InRange(runs, 1, delivery);
        }
    }
}
