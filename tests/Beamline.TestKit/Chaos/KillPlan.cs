using Beamline.TestKit.Processes;

namespace Beamline.TestKit.Chaos;

/// <summary>
/// A way to die: a process, and the point where it kills itself; without one it is killed at a random moment. The point is
/// passed up to <c>MaxCount</c> times before: about a second's work.
/// </summary>
public sealed record Death(string Process, string? Failpoint = null, int MaxCount = 0)
{
    public bool IsRandom => Failpoint is null;

    public override string ToString() => $"{Process} {Failpoint ?? "at random"}";
}

/// <summary>Every way to die, and in which order each process goes through its own.</summary>
public static class KillPlan
{
    private static readonly (string Process, int TasksPerSecond)[] Executors = [("io-executor", 150), ("cpu-executor", 40), ("gpu-executor", 25)];

    private static readonly string[] ExecutorPoints = ["executor.after-lease", "executor.before-run", "executor.after-run", "executor.before-report"];

    private static readonly Death[] Points =
    [
        new("gateway", "gateway.after-admit", 100),
        new("gateway", "gateway.before-answer", 200),
        new("scheduler", "scheduler.before-commit", 400),
        new("scheduler", "scheduler.after-commit", 400),
        new("scheduler", "scheduler.before-answer", 400),
        new("scheduler", "scheduler.after-publish", 60),
        new("scheduler", "scheduler.before-keys", 20),
        new(PlatformProcesses.Sidecar, "sidecar.after-commit", 400),
        new(PlatformProcesses.Sidecar, "sidecar.before-ack", 200),
    ];

    public static IReadOnlyList<string> Processes { get; } = [.. Points.Select(point => point.Process).Concat(Executors.Select(executor => executor.Process)).Distinct()];

    /// <summary>
    /// The deaths of one process in an order drawn from <paramref name="random"/>, the first at random: <paramref name="each"/> of a
    /// kind, at <paramref name="points"/> or at all. The executors share their points, since they share the code.
    /// </summary>
    public static IReadOnlyList<Death> Of(string process, int each, IReadOnlyCollection<string>? points, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        bool IsWanted(Death death) => death.Process == process && points?.Contains(death.Failpoint!) != false;
        var own = Points.Where(IsWanted).SelectMany(death => Enumerable.Repeat(death, each));
        var shared = Executors.SelectMany(executor => ExecutorPoints.Select(point => new Death(executor.Process, point, executor.TasksPerSecond)))
            .Where(IsWanted).SelectMany(death => Enumerable.Repeat(death, (each + Executors.Length - 1) / Executors.Length));
        Death[] rest = [.. own, .. shared, .. Enumerable.Repeat(new Death(process), each - 1)];
        random.Shuffle(rest);
        return [new Death(process), .. rest];
    }
}
