using Beamline.TestKit;
using Beamline.TestKit.Processes;

namespace Beamline.EndToEnd.Tests;

/// <summary>What is wrong with how a process is started is said in one line, and its exit code is 2.</summary>
public sealed class StartTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string[], string> Faults => new()
    {
        { "Gateway", ["--prot", "8080"], "gateway: unknown option --prot" },
        { "Gateway", ["--Gateway:MaxWait", "02:00:00", "--Gateway:MaxWaits", "0"], "Gateway:MaxWaits is 0" },
        { "Gateway", ["--urls", "http://0.0.0.0:0"], "gateway: refusing to listen on 0.0.0.0:0" },
        { "Gateway", ["--urls", "nonsense"], "gateway: " },
        { "Scheduler", ["--ledgerfolder", "x"], "scheduler: unknown option --ledgerfolder" },
        { "Scheduler", ["--Ledger:Synchronous", "sometimes"], "Ledger:Synchronous" },
        { "CpuExecutor", ["--cpu-pool-size"], "cpu-executor: --cpu-pool-size needs a value" },
        { "CpuExecutor", ["--cpu-pool-size", "many"], "Worker:CpuPoolSize" },
        { "IoExecutor", ["--Http:Egress:Allow:0", "not a host"], "Http:Egress:Allow" },
        { "GpuExecutor", ["--prometheus-endpoint", "9090"], "gpu-executor: Prometheus:Endpoint is" },
        { "Local", ["--cpu-pool-sise", "3"], "local: unknown option --cpu-pool-sise" },
        { "Local", ["--components", "/no/such/folder"], "local: " },
        { "Local", ["--urls", "http://0.0.0.0:0"], "local: refusing to listen" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_process_that_cannot_start_says_why_in_a_line(string project, string[] arguments, string fault)
    {
        string[] all = project == "Local" ? ["--data", _folder.File("data"), .. arguments] : [.. arguments];
        await using var process = ServiceProcess.Start(project, PlatformProcesses.Executable(project), all, new Dictionary<string, string?>
        {
            ["Ledger__Folder"] = _folder.File("ledger"), ["Fs__Root"] = _folder.File("files"),
        });

        var code = await process.WaitForExitAsync(TimeSpan.FromSeconds(60));

        Assert.True(code == 2, $"{code}: {process.Output}");
        Assert.Contains(fault, process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled exception", process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\n   at ", process.Output, StringComparison.Ordinal);
    }
}
