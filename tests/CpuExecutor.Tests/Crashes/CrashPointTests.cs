using System.Security.Cryptography;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.TestKit.Processes;

namespace Beamline.CpuExecutor.Tests.Crashes;

/// <summary>The executor's rows of the crash table: it dies at each point as by SIGKILL, and the next incarnation does the work.</summary>
public sealed class CrashPointTests
{
    private const int Killed = 128 + 9;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("executor.after-lease")]
    [InlineData("executor.before-run")]
    [InlineData("executor.after-run")]
    [InlineData("executor.before-report")]
    public async Task A_worker_that_dies_before_its_report_has_told_nothing_and_the_next_one_tells_it_once(string point)
    {
        await using var scheduler = await LeasingScheduler.StartAsync();
        await using (var dying = Start(scheduler, point))
        {
            Assert.Equal(Killed, await dying.WaitForExitAsync(Patience));
        }

        Assert.Equal(1, scheduler.Granted);
        Assert.Empty(scheduler.Reports);

        await using var next = Start(scheduler, failpoint: null);
        var report = await scheduler.Reported.WaitAsync(Patience, TestContext.Current.CancellationToken);
        next.Terminate();
        Assert.Equal(0, await next.WaitForExitAsync(Patience));

        Assert.Equal((2L, ReportKinds.Ended, StepStatus.Ok), (report.Lease, report.Kind, report.Result!.Status));
        Assert.Contains(Convert.ToHexStringLower(SHA256.HashData("beam"u8)), report.Result.Outputs!.Value.ToString(), StringComparison.Ordinal);
        Assert.Single(scheduler.Reports);
    }

    [Fact]
    public async Task A_worker_that_dies_after_a_committed_start_had_it_committed()
    {
        await using var scheduler = await LeasingScheduler.StartAsync(startRequired: true);
        await using var dying = Start(scheduler, "executor.before-run");

        Assert.Equal(Killed, await dying.WaitForExitAsync(Patience));

        Assert.Equal(1, scheduler.Starts);
        Assert.Empty(scheduler.Reports);
    }

    [Fact]
    public async Task A_worker_told_to_end_drains_and_exits_clean()
    {
        await using var scheduler = await LeasingScheduler.StartAsync();
        await using var worker = Start(scheduler, failpoint: null);
        await scheduler.Reported.WaitAsync(Patience, TestContext.Current.CancellationToken);

        worker.Terminate();

        Assert.Equal(0, await worker.WaitForExitAsync(Patience));
        Assert.Contains("Drained", worker.Output, StringComparison.Ordinal);
    }

    private static ServiceProcess Start(LeasingScheduler scheduler, string? failpoint) => ServiceProcess.Start(
        "cpu-executor",
        "dotnet",
        [Path.Combine(AppContext.BaseDirectory, "Beamline.CpuExecutor.dll"), "--urls", "http://127.0.0.1:0"],
        new Dictionary<string, string?>
        {
            ["DAPR_HTTP_ENDPOINT"] = scheduler.Address,
            ["Worker__Id"] = "cpu-1",
            ["BEAMLINE_FAILPOINT"] = failpoint,
            ["ASPNETCORE_CONTENTROOT"] = AppContext.BaseDirectory,
        });
}
