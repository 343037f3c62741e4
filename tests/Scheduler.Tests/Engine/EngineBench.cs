using System.Diagnostics;
using Beamline.Contracts.Admission;
using Beamline.Scheduler.Admission;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Tests.Core;
using Beamline.Sqlite;

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

    [Fact(Explicit = true)]
    public async Task Where_the_time_goes()
    {
        const int total = 20_000;
        const int batch = 64;
        var content = new string('x', 512);
        var lines = new List<string>();
        await using var ledger = LedgerStore.Open(new LedgerOptions { Folder = Directory.CreateTempSubdirectory("beamline-ledger-").FullName });
        AdmitItem[] items = [.. Enumerable.Range(0, total).Select(i => EngineHarness.Item($"a{i}", content))];
        for (var round = 0; round < 3; round++)
        {
            lines.Clear();
            var core = new SchedulingCore(new SchedulingOptions(), ledger.Epoch + round);
            AdmissionItem[] read = [];
            Time("read and hash", () => read = [.. items.Select(i => AdmissionItem.Read(i, null))]);
            List<ChangeBatch> inserts = [];
            Time("decide", () =>
            {
                foreach (var chunk in read.Chunk(batch))
                {
                    foreach (var item in chunk)
                    {
                        core.Admit(1_000, item.Candidate!, null);
                    }

                    inserts.Add(core.TakeChanges());
                }
            });
            var driver = new CoreDriver();
            List<ChangeBatch> ends = [];
            Time("lease and report", () =>
            {
                var request = driver.Worker().Request("report", batch, seq: 1);
                IReadOnlyList<Contracts.Exchange.LeaseReport> reports = [];
                for (var seq = 1; core.OpenTasks > 0; seq++)
                {
                    var call = core.Exchange(1_000, request with { Seq = seq, Reports = reports, Running = [.. reports.Select(r => new Contracts.Exchange.RunningLease(r.Lease, 0, 0))], Seen = new Contracts.Exchange.SeenSeqs(0, seq - 1) });
                    reports = [.. call.Answer!.Leases.Select(EngineWorker.Ok)];
                    ends.Add(core.TakeChanges());
                    core.TakeAnswered([]);
                }
            });
            Time("make results", () => ends.SelectMany(e => e.Endings).ToList().ForEach(e => e.Result = new(Contracts.Results.ResultConverter.Serialise(
                Contracts.Results.ResultConverter.ToExecResult(e.Task.Assignment, e.Step, new() { Delivery = 1, Replay = 0, CompletedAt = 1 })))));
            await TimeAsync("write inserts", inserts);
            await TimeAsync("write leases and ends", ends);
            await ledger.RunAsync((c, t) => { c.Execute("DELETE FROM tasks; DELETE FROM assignments; DELETE FROM results; DELETE FROM events; DELETE FROM outbox", t); return 0; }, TestContext.Current.CancellationToken);
        }

        await File.WriteAllLinesAsync(Path.Combine(Path.GetTempPath(), "beamline-engine-where.txt"), lines, TestContext.Current.CancellationToken);

        void Time(string what, Action work)
        {
            var clock = Stopwatch.StartNew();
            var cpu = Process.GetCurrentProcess().TotalProcessorTime;
            work();
            Note(what, clock, cpu);
        }

        async Task TimeAsync(string what, List<ChangeBatch> batches)
        {
            var clock = Stopwatch.StartNew();
            var cpu = Process.GetCurrentProcess().TotalProcessorTime;
            foreach (var changes in batches)
            {
                await ledger.CommitAsync(changes);
            }

            Note($"{what} ({batches.Count} commits)", clock, cpu);
        }

        void Note(string what, Stopwatch clock, TimeSpan cpu) => lines.Add(
            $"{what}: {clock.Elapsed.TotalMicroseconds / total:F1} us, CPU {(Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalMicroseconds / total:F1} us a task");
    }
}
