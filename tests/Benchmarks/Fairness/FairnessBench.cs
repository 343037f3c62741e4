using System.Text.Json;
using Beamline.Benchmarks.Measuring;
using Beamline.Simulation.Witnesses;

namespace Beamline.Benchmarks.Fairness;

/// <summary>Who gets what of a contended pool over time: a simulated history through the real scheduling core, drawn and judged.</summary>
internal static class FairnessBench
{
    private const int Seed = 1;
    private const long SpanMs = 2_000;

    public static int Run(BenchOptions options)
    {
        var recorder = new ShareRecorder(SpanMs);
        var shares = new ShareWitness(Charging.Truth) { JudgeInstants = false };
        var simulation = new Simulation.Simulation(FairnessScene.Plan(Seed), recorder, shares);
        simulation.Run();
        if (options.Svg is { } path)
        {
            File.WriteAllText(path, ShareChart.Draw(recorder));
        }

        foreach (var fault in shares.Faults)
        {
            Console.Error.WriteLine(fault);
        }

        var result = new FairnessResult
        {
            Tasks = simulation.Leases,
            SimulatedS = simulation.Agenda.Elapsed / 1000.0,
            WindowsJudged = shares.Windows,
            WorstDeviation = double.IsFinite(shares.WorstWindow) ? shares.WorstWindow : 1,
            Passed = shares.FaultCount == 0 && shares.Windows > 0,
        };
        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.FairnessResult));
        return result.Passed ? 0 : 1;
    }
}
