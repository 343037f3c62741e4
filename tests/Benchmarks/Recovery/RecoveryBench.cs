using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Beamline.Benchmarks.Load;
using Beamline.Benchmarks.Measuring;
using Beamline.Benchmarks.Runtimes;
using Beamline.TestKit.Processes;

namespace Beamline.Benchmarks.Recovery;

/// <summary>
/// A scheduler is killed with 100,000 open tasks and started again, several times: how long until it serves, where that goes, and
/// whether every task is still there and ends. Non-zero when one is lost or a start takes longer than five seconds.
/// </summary>
internal static partial class RecoveryBench
{
    private const int Starts = 3;
    private const double MostSeconds = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(BenchOptions options, IReadOnlyDictionary<string, string?> settings, string dataDirectory)
    {
        var count = options.Tasks ?? 100_000;
        await using var server = await SlowServer.StartAsync(TimeSpan.FromHours(1));
        await using var platform = await WatchedPlatform.StartAsync(dataDirectory, new Dictionary<string, string?>(settings)
        {
            ["Worker:IoPoolSize"] = Math.Max(1, count / 50).ToString(CultureInfo.InvariantCulture),
            ["Logging:LogLevel:Beamline.Scheduler.Engine"] = "Information", // the line that tells what the start took
        });

        // The gateway too: one that has seen the scheduler die sends its first tasks over the bus, which takes longer.
        await platform.Processes.KillAsync("gateway");
        var empty = await RestartAsync(platform.Processes);
        await platform.Processes.StartAsync("gateway");
        await platform.AnswersAsync();
        var tasks = new OpenTasks(platform.Http, server.Address, count);
        await OpenAsync(platform, tasks);

        var starts = new List<RestartTimes>();
        for (var start = 0; start < Starts; start++)
        {
            var times = await RestartAsync(platform.Processes);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"start {start + 1}: {times.OpenTasks} open tasks, ready after {times.Ready.TotalSeconds:F2} s, of which {times.ReadMs} ms to read the ledger and {times.PlaceMs} ms to put the tasks back; on an empty ledger {empty.Ready.TotalSeconds:F2} s"));
            starts.Add(times);
        }

        var started = Stopwatch.GetTimestamp();
        server.Hold = TimeSpan.Zero;
        await platform.Processes.StartMissingAsync();
        await platform.AnswersAsync();
        await tasks.LetGoAsync(CancellationToken.None);
        var lost = await platform.MissingAsync(tasks.All, Patience);
        var longest = starts.MaxBy(times => times.Ready)!;
        var result = new RecoveryResult
        {
            OpenTasks = starts.Min(times => times.OpenTasks),
            ReadyS = BenchResult.Round(longest.Ready.TotalSeconds),
            ReadyEmptyS = BenchResult.Round(empty.Ready.TotalSeconds),
            ReadS = longest.ReadMs / 1000.0,
            PlaceS = longest.PlaceMs / 1000.0,
            EndedS = BenchResult.Round(Stopwatch.GetElapsedTime(started).TotalSeconds),
            Lost = lost,
            Statuses = platform.Statuses,
        };
        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.RecoveryResult));
        return result.Lost == 0 && result.OpenTasks == count && result.ReadyS <= MostSeconds ? 0 : 1;
    }

    /// <summary>Fills the ledger, and kills the executors when all that shall run runs: nothing may end while starts are measured.</summary>
    private static async Task OpenAsync(WatchedPlatform platform, OpenTasks tasks)
    {
        await platform.Processes.KillAsync("cpu-executor");
        var started = Stopwatch.GetTimestamp();
        await tasks.SubmitAsync(CancellationToken.None);
        while (await platform.LeasesAsync() < tasks.Running || await platform.OpenTasksAsync() < tasks.All.Count)
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw new InvalidOperationException($"{await platform.LeasesAsync()} of {tasks.Running} steps run, {await platform.OpenTasksAsync()} of {tasks.All.Count} tasks are open, {platform.RejectedOverBus} were rejected. Last output of the executor:\n{platform.Processes["io-executor"].Output}");
            }

            await Task.Delay(Look, TimeProvider.System);
        }

        await platform.Processes.KillAsync("io-executor");
        Console.WriteLine($"opened {tasks.All.Count} tasks in {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s");
    }

    private static async Task<RestartTimes> RestartAsync(PlatformProcesses processes)
    {
        await processes.KillAsync("scheduler");
        var started = Stopwatch.GetTimestamp();
        await processes.StartAsync("scheduler");
        var ready = Stopwatch.GetElapsedTime(started);
        var line = await processes["scheduler"].WaitForLineAsync("took over the ledger", TimeSpan.FromSeconds(1));
        var told = Taken().Match(line);
        return new RestartTimes(ready, int.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture), Milliseconds(told, 2), Milliseconds(told, 3));

        static long Milliseconds(Match told, int group) => long.Parse(told.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("([0-9]+) open tasks.*read in ([0-9]+) ms, placed in ([0-9]+) ms")]
    private static partial Regex Taken();

    private sealed record RestartTimes(TimeSpan Ready, int OpenTasks, long ReadMs, long PlaceMs);
}
