using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>
/// Real processes killed at every row of the crash table and at random, while clients outside submit and a witness outside sees
/// what runs: nothing accepted is lost, nothing runs twice but where a delivery says so, and everybody is told one result.
/// </summary>
[Collection(PlatformGroup.Name)]
public sealed class CrashTests(SharedPlatform platform) : IAsyncLifetime
{
    // SIGKILL, as a shell counts it: the failpoint's doing and no exit of the process's own.
    private const int Killed = 128 + 9;
    private const int Kills = 3;

    private static int _cases;

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(90));

    public static TheoryData<string, string> Failpoints => new()
    {
        { "scheduler", "scheduler.before-commit:20" },
        { "scheduler", "scheduler.after-commit:20" },
        { "scheduler", "scheduler.before-answer:20" },
        { "scheduler", "scheduler.after-publish:10" },
        { "scheduler", "scheduler.before-keys:5" },
        { "io-executor", "executor.after-lease:5" },
        { "io-executor", "executor.before-run:10" },
        { "io-executor", "executor.after-run:10" },
        { "io-executor", "executor.before-report:5" },
        { "cpu-executor", "executor.after-run:5" },
        { "gpu-executor", "executor.after-run:5" },
        { "gateway", "gateway.after-admit:10" },
        { "gateway", "gateway.before-answer:10" },
        { "sidecar", "sidecar.after-commit:30" },
        { "sidecar", "sidecar.before-ack:30" },
    };

    public async ValueTask InitializeAsync() => await platform.RestoreAsync();

    public ValueTask DisposeAsync()
    {
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [MemberData(nameof(Failpoints))]
    public async Task Nothing_is_lost_or_repeated_when_a_process_dies_at(string process, string failpoint)
    {
        await platform.Processes.KillAsync(process);
        await platform.Processes.StartAsync(process, failpoint);
        using var load = new ClientLoad(platform, $"crash-{Interlocked.Increment(ref _cases)}");
        var death = platform.Processes[process].WaitForExitAsync(TimeSpan.FromSeconds(30));
        var tasks = load.RunAsync(death, _patience.Token);

        Assert.Equal(Killed, await death);
        await platform.Processes.StartAsync(process);
        await AssertAllRightAsync(await tasks);
    }

    [Theory]
    [InlineData("scheduler")]
    [InlineData("cpu-executor")]
    [InlineData("io-executor")]
    [InlineData("gpu-executor")]
    [InlineData("gateway")]
    [InlineData("sidecar")]
    public async Task Nothing_is_lost_or_repeated_when_a_process_is_killed_at_random_moments(string process)
    {
        var random = new Random(11);
        using var load = new ClientLoad(platform, $"random-{Interlocked.Increment(ref _cases)}");
        var killed = new TaskCompletionSource();
        var tasks = load.RunAsync(killed.Task, _patience.Token);
        for (var kill = 0; kill < Kills; kill++)
        {
            // Only after some work: a task has three deliveries, and none shall lose all of them before it could run.
            await load.WaitForMoreAsync(20, _patience.Token);
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(0, 200)), TimeProvider.System, _patience.Token);
            await platform.Processes.KillAsync(process);
            await platform.Processes.StartAsync(process);
        }

        killed.SetResult();
        await AssertAllRightAsync(await tasks);
    }

    private async Task AssertAllRightAsync(IReadOnlyList<EndedTask> tasks)
    {
        Assert.Empty(platform.Witness.Repeats());
        foreach (var task in tasks)
        {
            AssertRight(task);
            await platform.Router.NextAsync(RouterApp.Results, result => RouterApp.IdOf(result) == task.Id, _patience.Token);
            var published = platform.Router.SeenBytes(RouterApp.Results, result => RouterApp.IdOf(result) == task.Id);
            Assert.All(published, body => Assert.Equal(task.Result, Encoding.UTF8.GetString(body)));
        }
    }

    private void AssertRight(EndedTask task)
    {
        var result = JsonNode.Parse(task.Result)!;
        var status = result["status"]!.GetValue<string>();
        var runs = platform.Witness.RunsOf(task.Id);
        if (task.AtMostOnce)
        {
            Assert.True(runs <= 1, $"{task.Id} is at_most_once and ran {runs} times");
            Assert.True(status == "success" || result["error"]?["details"]?["reason"]?.GetValue<string>() == "worker_lost", task.Result);
            return;
        }

        Assert.True(status == "success", task.Result);
        if (task.IsHttp)
        {
            Assert.InRange(runs, 1, result["metadata"]!["delivery"]!.GetValue<int>());
        }
    }
}
