using System.Net;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;
using Beamline.TestKit.Processes;

namespace Beamline.EndToEnd.Tests;

/// <summary>A block that throws, takes its process along, or never gives its thread back: its own step suffers, and no other.</summary>
[Collection(PlatformGroup.Name)]
public sealed class FaultyBlockTests(SharedPlatform platform) : IAsyncLifetime
{
    private const string Cpu = "cpu-executor";

    // How the runtime ends a process whose stack is full: SIGABRT, as a shell counts it.
    private const int Aborted = 128 + 6;

    private static readonly ProcessStart Faulty = new()
    {
        Project = "FaultyExecutor",
        Settings = new Dictionary<string, string?> { ["Worker:CpuPoolSize"] = "2", ["Worker:StuckGrace"] = "00:00:00.500" },
    };

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));
    private readonly GatewayClient _client = new(platform.Processes.Gateway);

    public async ValueTask InitializeAsync()
    {
        await platform.RestoreAsync();
        await platform.Processes.KillAsync(Cpu);
        await platform.Processes.StartAsync(Cpu, Faulty);
    }

    public async ValueTask DisposeAsync()
    {
        // The next test finds the real one: it starts what is missing.
        await platform.Processes.KillAsync(Cpu);
        _client.Dispose();
        _patience.Dispose();
    }

    [Fact]
    public async Task A_block_that_throws_fails_its_own_step_and_its_worker_goes_on()
    {
        var worker = platform.Processes[Cpu].Id;
        await SubmitAsync("throws", "throw", job => job["retry"] = new JsonObject { ["max_retries"] = 0 });

        var result = await ResultAsync("throws");

        Assert.Equal("error", result["status"]!.GetValue<string>());
        Assert.Equal("internal_error", result["error"]!["code"]!.GetValue<string>());
        await AssertHashesAsync("after-throw");
        Assert.Equal(worker, platform.Processes[Cpu].Id);
        Assert.False(platform.Processes[Cpu].HasExited);
    }

    [Fact]
    public async Task A_block_that_overflows_its_stack_takes_three_processes_along_and_is_a_dead_letter_while_others_end()
    {
        await SubmitAsync("overflows", "overflow");
        for (var death = 1; death <= 3; death++)
        {
            Assert.Equal(Aborted, await platform.Processes[Cpu].WaitForExitAsync(TimeSpan.FromSeconds(30)));
            await SubmitAsync($"beside-overflow-{death}", "beside");
            await platform.Processes.StartAsync(Cpu, Faulty); // as a supervisor does
        }

        var result = await ResultAsync("overflows");

        Assert.Equal("worker_lost", result["error"]!["details"]!["reason"]!.GetValue<string>());
        Assert.Equal(3, result["metadata"]!["delivery"]!.GetValue<int>());
        await platform.Router.NextAsync(RouterApp.DeadLetters, letter => letter["assignment"]?["assignment_id"]?.GetValue<string>() == "overflows", _patience.Token);
        await AssertHashesAsync("after-overflow");
        for (var death = 1; death <= 3; death++)
        {
            Assert.Equal("success", (await ResultAsync($"beside-overflow-{death}"))["status"]!.GetValue<string>());
        }
    }

    [Fact]
    public async Task A_block_that_keeps_its_thread_times_out_and_leaves_the_other_slots_to_others()
    {
        await SubmitAsync("blocks", "block", job => job["timeout_ms"] = 1000);
        await AssertHashesAsync("beside-block");

        var result = await ResultAsync("blocks");

        Assert.Equal("timeout", result["status"]!.GetValue<string>());
        await AssertHashesAsync("after-block");
    }

    [Fact]
    public async Task A_worker_that_has_lost_every_slot_says_so_to_its_supervisor_and_a_new_one_does_the_work()
    {
        foreach (var id in (string[])["blocks-1", "blocks-2"])
        {
            await SubmitAsync(id, "block", job => job["timeout_ms"] = 1000);
            Assert.Equal("timeout", (await ResultAsync(id))["status"]!.GetValue<string>());
        }

        using var http = new HttpClient();
        using var alive = await http.GetAsync(new Uri(platform.Processes.AddressOf(Cpu), "/healthz"), _patience.Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, alive.StatusCode);
        await SubmitAsync("waits-for-a-slot", "waits");

        await platform.Processes.KillAsync(Cpu);
        await platform.Processes.StartAsync(Cpu, Faulty); // as a supervisor does

        Assert.Equal("success", (await ResultAsync("waits-for-a-slot"))["status"]!.GetValue<string>());
    }

    private async Task AssertHashesAsync(string id)
    {
        await SubmitAsync(id, "abc");
        Assert.Equal("success", (await ResultAsync(id))["status"]!.GetValue<string>());
    }

    private Task<string?> SubmitAsync(string id, string content, Action<JsonObject>? change = null)
    {
        var job = new JsonObject { ["type"] = "crypto.hash", ["algorithm"] = "sha256", ["content"] = content };
        change?.Invoke(job);
        return _client.SubmitAsync(GatewayClient.Assignment(id, job), wait: false, _patience.Token);
    }

    private async Task<JsonNode> ResultAsync(string id) => JsonNode.Parse(await _client.ResultAsync(id, _patience.Token))!;
}
