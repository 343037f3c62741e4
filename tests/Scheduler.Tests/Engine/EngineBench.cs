using System.Diagnostics;
using Beamline.Contracts.Admission;

namespace Beamline.Scheduler.Tests.Engine;

/// <summary>Admit, lease, report and commit in one process, nothing else: run it by name.</summary>
public sealed class EngineBench
{
    [Theory(Explicit = true)]
    [InlineData(64, 4, 2)]
    [InlineData(256, 4, 2)]
    public async Task Tasks_through_admit_lease_and_report(int batch, int submitters, int workers)
    {
        const int total = 60_000;
        await using var harness = EngineHarness.Open();
        var content = new string('x', 512);
        var left = total;
        var ended = 0;
        var token = TestContext.Current.CancellationToken;
        var clock = Stopwatch.StartNew();
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var submit = Enumerable.Range(0, submitters).Select(s => Task.Run(async () =>
        {
            for (var from = Interlocked.Add(ref left, -batch); from > -batch; from = Interlocked.Add(ref left, -batch))
            {
                AdmitItem[] items = [.. Enumerable.Range(from, batch).Where(i => i >= 0).Select(i => EngineHarness.Item($"a{i}", content))];
                var outcomes = await harness.Engine.AdmitAsync(items, null, token);
                Assert.All(outcomes, o => Assert.Equal(AdmitStatuses.Accepted, o.Status));
            }
        }, token));
        var work = Enumerable.Range(0, workers).Select(w => Task.Run(async () =>
        {
            var worker = new EngineWorker(harness.Engine, $"w{w}");
            while (Volatile.Read(ref ended) < total)
            {
                if (worker.Held.Count == 0)
                {
                    await worker.WorkAsync(128);
                }

                var report = await worker.ReportAsync(128, [.. worker.Held.Values.Select(EngineWorker.Ok)]);
                Interlocked.Add(ref ended, report.Accepted.Count);
            }
        }, token));
        await Task.WhenAll(submit.Concat(work));
        var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        TestContext.Current.SendDiagnosticMessage($"{total / clock.Elapsed.TotalSeconds:F0} tasks/s, {used.TotalSeconds * 1000 / total:F4} CPU s per 1,000 tasks");
        await File.WriteAllTextAsync(
            Path.Combine(Path.GetTempPath(), $"beamline-engine-bench-{batch}.txt"),
            $"{total / clock.Elapsed.TotalSeconds:F0} tasks/s, {used.TotalSeconds * 1000 / total:F4} CPU s per 1,000 tasks\n",
            token);
    }
}
