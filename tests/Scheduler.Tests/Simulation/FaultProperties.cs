using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;
using Beamline.Simulation;
using Beamline.Simulation.Witnesses;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Scheduler.Tests.Simulation;

/// <summary>
/// Workers and the scheduler die at random, calls and answers are lost, doubled, late and out of order, clocks are off, one worker
/// lies, clients repeat themselves. When the weather clears, everything that was accepted has one ending; see
/// <see cref="OutcomeWitness"/>. Limits hold through all of it.
/// </summary>
public sealed class FaultProperties
{
    [Fact]
    public void Nothing_is_lost_nothing_ends_twice_and_at_most_once_starts_once_whatever_fails()
    {
        var (accepted, succeeded, runAgain, reached) = (0, 0, 0, 0L);
        Properties.Check(Storms(), storm =>
        {
            var (outcomes, limits) = (new OutcomeWitness(), new LimitWitness());
            var faults = Properties.Run(storm.ToPlan(), outcomes, limits);
            accepted += outcomes.Accepted;
            succeeded += outcomes.Succeeded;
            runAgain += outcomes.RunAgain;
            reached += limits.Reached;
            return faults;
        });
        Assert.True(accepted > 5_000 && succeeded > accepted / 2, $"{accepted} tasks were accepted and {succeeded} succeeded");
        Assert.True(runAgain > 100, $"only {runAgain} steps were run again: the faults are too few to show anything");
        Assert.True(reached > 1_000, $"limits were reached {reached} times only");
    }

    private static Arbitrary<Storm> Storms() => Arb.From(
        from seed in Gen.Choose(1, 1_000_000)
        from workers in Gen.Choose(2, 5)
        from workerDies in Gen.Elements(0, 2, 10)
        from schedulerDies in Gen.Elements(0, 5, 20)
        from drops in Gen.Elements(0, 2, 10)
        from doubles in Gen.Elements(0, 5, 20)
        from lags in Gen.Elements(0, 1, 5)
        from lies in Gen.Elements(0, 20)
        from commitMs in Gen.Elements(0, 5, 300)
        select new Storm(seed, workers, workerDies, schedulerDies, drops, doubles, lags, lies, commitMs),
        storm => storm.Calmer());
}

/// <summary>What goes wrong: mean seconds between crashes, chances in per cent, milliseconds.</summary>
internal sealed record Storm(int Seed, int Workers, int WorkerDies, int SchedulerDies, int Drops, int Doubles, int Lags, int Lies, int CommitMs)
{
    public SimulationPlan ToPlan() => new()
    {
        Seed = Seed,
        Length = TimeSpan.FromSeconds(60),
        Settle = TimeSpan.FromMinutes(30),
        CommitMs = CommitMs,
        Scheduling = new SchedulingOptions { MaxDeliveries = 1_000 },
        Limits = new TenantsOptions { Default = new TenantLimits { MaxRunning = 6, MaxMemoryMb = 300, PerKey = new KeyLimits { MaxRunning = 2 } } },
        Network = new NetworkPlan { DelayMs = 1, JitterMs = 20, Drops = Drops / 100.0, Doubles = Doubles / 100.0, Lags = Lags / 100.0 },
        Crashes = new CrashPlan { WorkerEvery = TimeSpan.FromSeconds(WorkerDies), SchedulerEvery = TimeSpan.FromSeconds(SchedulerDies) },
        Tenants = [.. Enumerable.Range(0, 3).Select(i => new TenantPlan
        {
            Name = $"t{i}",
            PerSecond = 3,
            Repeats = 0.2,
            Tasks =
            [
                new TaskPlan { MeanMs = 400, Skew = 1.3, MostMeans = 30, Keys = 3 },
                new TaskPlan { MeanMs = 800, MemoryMb = 100, Priority = 9 },
                new TaskPlan { MeanMs = 300, AtMostOnce = true, Type = "sql.query" },
                new TaskPlan { MeanMs = 100, NotBeforeMs = 5_000, Type = "fs.blob_put" },
                new TaskPlan { MeanMs = 100, ExpiresAfterMs = 20_000, Slots = 2 },
            ],
        })],
        Workers = [.. Enumerable.Range(0, Workers).Select(i => new WorkerPlan
        {
            Name = $"w{i}",
            Slots = 4,
            SkewMs = (i - 1) * 40_000,
            Lies = i == 1 ? Lies / 100.0 : 0,
            Fails = 0.05,
            RetriesLater = 0.05,
            HandsBack = 0.05,
        })],
    };

    /// <summary>The same with one kind of fault less.</summary>
    public IEnumerable<Storm> Calmer()
    {
        Storm[] calmer =
        [
            this with { WorkerDies = 0 }, this with { SchedulerDies = 0 }, this with { Drops = 0 }, this with { Doubles = 0 },
            this with { Lags = 0 }, this with { Lies = 0 }, this with { CommitMs = 0 }, this with { Workers = Math.Max(2, Workers - 1) },
        ];
        return calmer.Where(c => c != this);
    }
}
