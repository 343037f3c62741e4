using System.Globalization;

namespace Beamline.Benchmarks;

/// <summary>The command line: <c>w1|w2|gates|decisions [--runtime local|processes] [--tasks N] [--seconds N] [--synchronous FULL|NORMAL] [--data DIR] [--profile]</c>.</summary>
internal sealed record BenchOptions
{
    public required string Bench { get; init; }
    public string Runtime { get; init; } = "local";

    /// <summary>Tasks of the throughput part; null: the workload's own number.</summary>
    public int? Tasks { get; init; }

    /// <summary>Length of the latency part.</summary>
    public TimeSpan Paced { get; init; } = TimeSpan.FromSeconds(20);
    public string Synchronous { get; init; } = "FULL";
    public string? DataDirectory { get; init; }

    /// <summary>Of <c>decisions</c>: a table of what each step costs at several sizes, before the result.</summary>
    public bool Profile { get; init; }

    public static BenchOptions Parse(string[] args)
    {
        if (args.Length == 0)
        {
            throw new ArgumentException("which benchmark? w1, w2, gates or decisions");
        }

        var options = new BenchOptions { Bench = args[0] };
        for (var i = 1; i < args.Length; i += 2)
        {
            if (args[i] == "--profile")
            {
                options = options with { Profile = true };
                i--;
                continue;
            }

            var value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} needs a value");
            options = args[i] switch
            {
                "--runtime" => options with { Runtime = value },
                "--tasks" => options with { Tasks = int.Parse(value, CultureInfo.InvariantCulture) },
                "--seconds" => options with { Paced = TimeSpan.FromSeconds(double.Parse(value, CultureInfo.InvariantCulture)) },
                "--synchronous" => options with { Synchronous = value.ToUpperInvariant() },
                "--data" => options with { DataDirectory = value },
                _ => throw new ArgumentException($"unknown option {args[i]}; known: --runtime --tasks --seconds --synchronous --data --profile"),
            };
        }

        return options;
    }
}
