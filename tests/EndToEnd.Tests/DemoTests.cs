using Beamline.TestKit;
using Beamline.TestKit.Processes;

namespace Beamline.EndToEnd.Tests;

/// <summary>The main job, as a user runs it.</summary>
public sealed class DemoTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_demo_passes_in_one_process()
    {
        await using var demo = Local("--demo", "--data", _folder.File("data"));
        var code = await demo.WaitForExitAsync(Patience);
        Assert.True(code == 0, demo.Output);
        Assert.Contains("All 15 tasks ended as expected", demo.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_demo_fails_when_a_task_is_altered()
    {
        await using var demo = Local("--demo", "--sabotage", "--data", _folder.File("data"));
        var code = await demo.WaitForExitAsync(Patience);
        Assert.True(code == 1, demo.Output);
        Assert.Contains("1 of 15 tasks did not end as expected", demo.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_demo_passes_against_six_processes()
    {
        await using var platform = await PlatformProcesses.StartAsync(new PlatformProcessesOptions
        {
            DataDirectory = _folder.Path,
            Settings = new Dictionary<string, string?> { ["Http:Egress:Allow:0"] = "127.0.0.1" },
        });
        await using var demo = Local("--demo", "--gateway", platform.Gateway.ToString());
        var code = await demo.WaitForExitAsync(Patience);
        Assert.True(code == 0, demo.Output);
    }

    [Fact]
    public async Task A_second_platform_on_the_same_data_refuses_to_start_and_says_why()
    {
        await using var first = Local("--data", _folder.File("data"), "--urls", "http://127.0.0.1:0");
        await first.WaitForLineAsync("Beamline is ready at", Patience);
        await using var second = Local("--data", _folder.File("data"), "--urls", "http://127.0.0.1:0");
        Assert.NotEqual(0, await second.WaitForExitAsync(Patience));
        Assert.Contains("local: ", second.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_terminated_platform_drains_and_exits_cleanly()
    {
        await using var platform = Local("--data", _folder.File("data"), "--urls", "http://127.0.0.1:0");
        await platform.WaitForLineAsync("Beamline is ready at", Patience);
        platform.Terminate();
        var code = await platform.WaitForExitAsync(Patience);
        Assert.True(code == 0, $"ended with {code}: {platform.Output}");
    }

    [Fact]
    public async Task A_mistyped_option_is_named()
    {
        await using var platform = Local("--data", _folder.File("data"), "--cpu-pool-sise", "3");
        Assert.NotEqual(0, await platform.WaitForExitAsync(Patience));
        Assert.Contains("--cpu-pool-size", platform.Output, StringComparison.Ordinal);
    }

    private static ServiceProcess Local(params string[] arguments) => ServiceProcess.Start("local", PlatformProcesses.Executable("Local"), arguments);
}
