using Beamline.Simulation;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Scheduler.Tests.Simulation;

/// <summary>How the properties are run: so many cases from a fixed seed, the same on every machine; another seed is one variable away.</summary>
internal static class Properties
{
    public const int Cases = 30;

    /// <summary>
    /// A failing case is shrunk, and its replay seed is in the message. <c>BEAMLINE_PROPERTY_SEED=n</c> starts elsewhere.
    /// </summary>
    public static void Check<T>(Arbitrary<T> inputs, Func<T, IReadOnlyList<string>> faultsOf, int cases = Cases)
    {
        var seed = ulong.TryParse(Environment.GetEnvironmentVariable("BEAMLINE_PROPERTY_SEED"), out var given) ? given : 1;
        var property = Prop.ForAll(inputs, input =>
        {
            var faults = faultsOf(input);
            return (faults.Count == 0).Label(string.Join(Environment.NewLine, faults));
        });
        property.Check(Config.QuickThrowOnFailure.WithMaxTest(cases).WithReplay(seed, 1));
    }

    /// <summary>Runs a plan and returns what the witnesses object to.</summary>
    public static IReadOnlyList<string> Run(SimulationPlan plan, params Witness[] witnesses)
    {
        new Beamline.Simulation.Simulation(plan, witnesses).Run();
        return [.. witnesses.SelectMany(w => w.Faults)];
    }
}
