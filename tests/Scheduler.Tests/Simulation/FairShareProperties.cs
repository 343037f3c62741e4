using Beamline.Simulation;
using Beamline.Simulation.Witnesses;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Scheduler.Tests.Simulation;

/// <summary>
/// What each tenant gets of a contended pool, against what its weight entitles it to: random pools of one to eight tenants that
/// flood, come and go, join late, spread over types and concurrency keys. <see cref="ShareWitness"/> says what is judged.
/// </summary>
public sealed class FairShareProperties
{
    [Fact]
    public void At_every_instant_a_backlogged_tenant_is_within_one_quantum_and_two_of_its_tasks_of_its_share() =>
        Properties.Check(Scenes.Pools(costsAreKnown: true), scene =>
        {
            var shares = new ShareWitness(Charging.EstimateThenMeasured) { JudgeWindows = false };
            return Properties.Run(scene.ToPlan(leases: 4_000), shares);
        });

    [Fact]
    public void Over_windows_of_a_hundred_tasks_each_tenant_gets_its_share_within_five_percent_although_true_costs_are_skewed()
    {
        var windows = 0L;
        Properties.Check(
            // What runs is charged by estimate: it must be little against a window.
            Scenes.Pools(costsAreKnown: false, mostTenants: 4, mostWorkers: 2, mostSlots: 6),
            scene =>
            {
                var shares = new ShareWitness(Charging.Truth) { JudgeInstants = false };
                var faults = Properties.Run(scene.ToPlan(leases: 12_000), shares);
                windows += shares.Windows;
                return faults;
            },
            cases: 12);
        Assert.True(windows > 10_000, $"only {windows} windows were long enough to be judged");
    }

    [Fact]
    public void Spreading_over_concurrency_keys_and_types_gains_a_tenant_nothing() => Properties.Check(
        Arb.From(
            from seed in Gen.Choose(1, 1_000_000)
            from keys in Gen.Choose(2, 1_000)
            from types in Gen.Choose(1, 6)
            select (Seed: seed, Keys: keys, Types: types)),
        input =>
        {
            var scene = new Scene(input.Seed, CostsAreKnown: false, [new SceneTenant(1, 1, 0, false, 0), new SceneTenant(1, input.Types, input.Keys, false, 0)], [8, 3]);
            var plan = scene.ToPlan(leases: 10_000);
            plan.Limits.Default.PerKey.MaxRunning = 8;
            var shares = new ShareWitness(Charging.Truth) { JudgeInstants = false, JudgeWindows = false };
            _ = Properties.Run(plan, shares);
            var (plain, sharded) = (shares.Shares["t0"].Received, shares.Shares["t1"].Received);
            return sharded <= plain * 1.03 ? [] : [$"spread over {input.Keys} keys and {input.Types} types a tenant received {sharded:F0}, the other {plain:F0}"];
        },
        cases: 10);
}
