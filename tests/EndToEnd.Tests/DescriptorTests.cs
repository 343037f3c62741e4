using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>
/// A process that may open nothing more, under load: what it cannot do it refuses or waits with, and goes on when it can. Where the
/// runtime itself needs a descriptor it ends the process instead, and a supervisor starts another; nothing is lost either way.
/// </summary>
[Collection(PlatformGroup.Name)]
public sealed class DescriptorTests(SharedPlatform platform) : IAsyncLifetime
{
    private static readonly TimeSpan Shortage = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(90));

    public async ValueTask InitializeAsync() => await platform.RestoreAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Processes)
        {
            platform.Processes[process].TryLimitDescriptors(null);
        }

        _patience.Dispose();
    }

    public static TheoryData<string> Names => [.. Processes];

    private static readonly string[] Processes = ["gateway", "scheduler", "io-executor", "cpu-executor", "gpu-executor", "sidecar"];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Nothing_is_lost_when_a_process_has_no_descriptor_left_and_all_is_well_again_with_some(string process)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "prlimit is Linux's");
        // A process that has worked has loaded its code; one that cannot load it is a failed start.
        using (var before = new ClientLoad(platform, "descriptors-before-" + process))
        {
            var warm = before.WaitForMoreAsync(100, _patience.Token);
            await before.RunAsync(warm, _patience.Token);
        }

        // Before the first connection of the load is made: what the process has open by then it keeps.
        Assert.True(platform.Processes[process].TryLimitDescriptors(0));
        using var load = new ClientLoad(platform, "descriptors-" + process);
        var enough = new TaskCompletionSource();
        var tasks = load.RunAsync(enough.Task, _patience.Token);
        await Task.Delay(Shortage, TimeProvider.System, _patience.Token);
        if (!platform.Processes[process].TryLimitDescriptors(null))
        {
            await platform.Processes.StartAsync(process); // as a supervisor does
        }

        await load.WaitForMoreAsync(50, _patience.Token);
        enough.SetResult();

        foreach (var task in await tasks)
        {
            var result = JsonNode.Parse(task.Result)!;
            Assert.True(IsAllowed(result), task.Result);
            await platform.Router.NextAsync(RouterApp.Results, message => RouterApp.IdOf(message) == task.Id, _patience.Token);
            Assert.All(
                platform.Router.SeenBytes(RouterApp.Results, message => RouterApp.IdOf(message) == task.Id),
                body => Assert.Equal(task.Result, Encoding.UTF8.GetString(body)));
        }
    }

    // A call that could not open a connection, tried as often as its retries allow, is told as what it is.
    private static bool IsAllowed(JsonNode result) =>
        result["status"]!.GetValue<string>() == "success"
        || result["error"]!["code"]!.GetValue<string>() is "network_error" or "resource_unavailable"
        || result["error"]!["details"]?["reason"]?.GetValue<string>() == "worker_lost";
}
