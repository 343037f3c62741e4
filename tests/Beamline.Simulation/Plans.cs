using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Simulation;

/// <summary>Everything that a simulation does follows from its plan: the same plan is the same history.</summary>
internal sealed record SimulationPlan
{
    public required int Seed { get; init; }
    public required IReadOnlyList<TenantPlan> Tenants { get; init; }
    public required IReadOnlyList<WorkerPlan> Workers { get; init; }

    /// <summary>How long tasks come.</summary>
    public required TimeSpan Length { get; init; }

    /// <summary>No more tasks come after so many leases either: what bounds the work of a test, however fast its workers are.</summary>
    public long MostLeases { get; init; } = long.MaxValue;

    /// <summary>How long, after that, the scheduler has to end all of them; the simulation stops earlier when it has. Zero: stop at once.</summary>
    public TimeSpan Settle { get; init; } = TimeSpan.Zero;
    public SchedulingOptions Scheduling { get; init; } = new() { MaxOpenTasks = 2_000_000, MaxOutboxRows = int.MaxValue, MaxOpenBytes = long.MaxValue };

    /// <summary>Limits by tenant; the weights come from <see cref="TenantPlan.Weight"/>.</summary>
    public TenantsOptions Limits { get; init; } = new();
    public NetworkPlan Network { get; init; } = new();
    public CrashPlan Crashes { get; init; } = new();

    /// <summary>How long a commit takes; what is decided meanwhile is in the next.</summary>
    public long CommitMs { get; init; }
    public long TickMs { get; init; } = 100;
}

internal sealed record TenantPlan
{
    public required string Name { get; init; }
    public double Weight { get; init; } = 1;

    /// <summary>Its kinds of tasks, each as likely as the others.</summary>
    public required IReadOnlyList<TaskPlan> Tasks { get; init; }

    /// <summary>Keeps so many waiting at any time; what is leased is replaced at once. A flood.</summary>
    public int KeepWaiting { get; init; }

    /// <summary>Tasks a second, in bursts of <see cref="Burst"/>.</summary>
    public double PerSecond { get; init; }
    public int Burst { get; init; } = 1;

    /// <summary>Comes and goes: so long on, so long off. Null: always on.</summary>
    public (TimeSpan On, TimeSpan Off)? Cycle { get; init; }

    /// <summary>When it joins.</summary>
    public TimeSpan From { get; init; }

    /// <summary>Stops after so many tasks.</summary>
    public int Most { get; init; } = int.MaxValue;

    /// <summary>Chance that a client sends a task again that was accepted.</summary>
    public double Repeats { get; init; }
}

/// <summary>A kind of task. What a run takes is known to the simulation and to nobody else.</summary>
internal sealed record TaskPlan
{
    public string Type { get; init; } = "http.request";
    public double MeanMs { get; init; } = 20;

    /// <summary>The Pareto distribution's shape (2: the largest of a thousand is some thirty times the smallest); 0: all run equally long.</summary>
    public double Skew { get; init; }

    /// <summary>No run is longer than so many times the mean.</summary>
    public double MostMeans { get; init; } = 20;
    public int Priority { get; init; } = 5;
    public int Slots { get; init; } = 1;
    public int MemoryMb { get; init; }

    /// <summary>Spread over so many concurrency keys; 0: none.</summary>
    public int Keys { get; init; }
    public bool AtMostOnce { get; init; }
    public long NotBeforeMs { get; init; }
    public long ExpiresAfterMs { get; init; }
    public long QueueTimeoutMs { get; init; } = 7_200_000;
    public long CpuMs { get; init; }
}

internal sealed record WorkerPlan
{
    public required string Name { get; init; }
    public required int Slots { get; init; }
    public IReadOnlyList<string> Types { get; init; } = SimTask.Types;

    /// <summary>Its wall clock is off by so much.</summary>
    public long SkewMs { get; init; }

    /// <summary>Chance, in each call, that it also reports, starts or lists a lease of another worker.</summary>
    public double Lies { get; init; }

    /// <summary>Chances of a step: to fail, to ask for a retry later, to be handed back before it starts.</summary>
    public double Fails { get; init; }
    public double RetriesLater { get; init; }
    public double HandsBack { get; init; }
}

/// <summary>What happens to a message between a worker and the scheduler, either way.</summary>
internal sealed record NetworkPlan
{
    public long DelayMs { get; init; }

    /// <summary>Up to so much more, another each time: messages overtake each other.</summary>
    public long JitterMs { get; init; }
    public double Drops { get; init; }
    public double Doubles { get; init; }

    /// <summary>Chance to come very late: after up to half a minute.</summary>
    public double Lags { get; init; }

    public bool IsPerfect => this is { DelayMs: 0, JitterMs: 0, Drops: 0, Doubles: 0, Lags: 0 };
}

/// <summary>Who dies how often, by mean times between crashes; zero: never. All crashes end with <see cref="SimulationPlan.Length"/>.</summary>
internal sealed record CrashPlan
{
    public TimeSpan WorkerEvery { get; init; }
    public TimeSpan SchedulerEvery { get; init; }
    public TimeSpan DownFor { get; init; } = TimeSpan.FromSeconds(2);
}
