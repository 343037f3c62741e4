using System.Globalization;

namespace Beamline.Benchmarks;

/// <summary>
/// The command line: <c>w1|w2|gates|decisions|fairness [--runtime local|processes] [--tasks N] [--seconds N] [--synchronous FULL|NORMAL] [--data DIR] [--profile] [--svg FILE]</c>,
/// <c>chaos|outages [--rate N] [--duration SECONDS] [--kills N] [--seed N]</c>, <c>isolation [--seconds N]</c>,
/// <c>overload [--rate N] [--duration SECONDS]</c>, <c>recovery [--tasks N]</c>.
/// </summary>
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

    /// <summary>Of <c>fairness</c>: where the picture goes.</summary>
    public string? Svg { get; init; }

    /// <summary>chaos: tasks a second; overload: what is offered a second, ten times what the platform is given to do it with.</summary>
    public int Rate { get; init; } = 200;

    /// <summary>chaos: how long the load goes on at least; overload: how long it goes on, five minutes unless told otherwise.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>chaos: deaths of each kind.</summary>
    public int Kills { get; init; } = 20;

    /// <summary>chaos: draws the plan.</summary>
    public int Seed { get; init; } = 11;

    public static BenchOptions Parse(string[] args)
    {
        if (args.Length == 0)
        {
            throw new ArgumentException("which benchmark? w1, w2, gates, decisions, fairness, chaos, outages, isolation, overload or recovery");
        }

        var options = new BenchOptions { Bench = args[0] };
        if (options.Bench == "overload")
        {
            options = options with { Duration = TimeSpan.FromMinutes(5) };
        }

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
                "--rate" => options with { Rate = AtLeastOne(args[i], value) },
                "--duration" => options with { Duration = TimeSpan.FromSeconds(AtLeastOne(args[i], value)) },
                "--kills" => options with { Kills = AtLeastOne(args[i], value) },
                "--seed" => options with { Seed = int.Parse(value, CultureInfo.InvariantCulture) },
                "--svg" => options with { Svg = value },
                "--data" => options with { DataDirectory = value },
                _ => throw new ArgumentException($"unknown option {args[i]}; known: --runtime --tasks --seconds --synchronous --data --profile --svg --rate --duration --kills --seed"),
            };
        }

        return options;
    }

    private static int AtLeastOne(string name, string value) => int.Parse(value, CultureInfo.InvariantCulture) is > 0 and var number
        ? number
        : throw new ArgumentException($"{name} is {value}; it must be 1 or more");
}
