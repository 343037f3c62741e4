using Beamline.Contracts;
using Beamline.Contracts.Assignments;

namespace Beamline.ExecutorHost;

/// <summary>Section <c>Worker</c>: how much an executor runs at once, and how long it waits for what.</summary>
public sealed class WorkerOptions
{
    public const string Section = "Worker";

    /// <summary>The worker's name; one process only may bear it. Left out: host name and process id.</summary>
    public string? Id { get; set; }

    /// <summary>Slots of a cpu executor: dedicated threads. 0: one for each core.</summary>
    public int CpuPoolSize { get; set; }

    /// <summary>Slots of an io executor: steps that wait at the same time, on no thread of their own.</summary>
    public int IoPoolSize { get; set; } = 64;

    /// <summary>Slots of a gpu executor: steps that share the device.</summary>
    public int GpuPoolSize { get; set; } = 2;

    /// <summary><c>off</c>, or anything else: steps are told that they run sandboxed.</summary>
    public string SandboxMode { get; set; } = "off";

    /// <summary>Between two heartbeats on the bus. Zero: none.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a stopped block may go on before it counts as stuck: its step is reported without it, its slot is given up.</summary>
    public TimeSpan StuckGrace { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Prefetched work that has not started after this long goes back to the queue, uncounted.</summary>
    public TimeSpan UnstartedLimit { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long running steps may go on once the process was asked to end; then they are stopped and handed back.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>The longest that the scheduler holds a call for work. A call without an answer fails a second later.</summary>
    public TimeSpan HoldTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Most bytes of results that wait for the scheduler's word; above, no new leases.</summary>
    public long MaxUnreportedBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// MiB that the steps running here at once may have asked for (<c>resources.memory_mb</c>): one that finds too little left
    /// waits, one that asks for more than this is refused with 2002. 0: what they ask for is not looked at.
    /// </summary>
    public int MaxMemoryMb { get; set; }

    /// <summary>
    /// Most CPU time in milliseconds that a step may ask for (<c>resources.cpu_time_ms</c>; more is refused with 2002), and the
    /// limit of one that asks for none. A step that computes on its thread for longer than its limit is stopped. 0: no limit.
    /// </summary>
    public long MaxCpuTimeMs { get; set; } = JobDefaults.MaxTimeoutMs;

    internal int SlotsOf(string pool) => pool switch
    {
        Pools.Cpu => CpuPoolSize > 0 ? CpuPoolSize : Environment.ProcessorCount,
        Pools.Gpu => GpuPoolSize,
        _ => IoPoolSize,
    };

    /// <summary>Every fault, in words; empty when all is well.</summary>
    internal IEnumerable<string> Faults()
    {
        if (CpuPoolSize is < 0 or > 1024)
        {
            yield return $"Worker:CpuPoolSize is {CpuPoolSize}; expected 0 (one a core) to 1024.";
        }

        if (IoPoolSize is < 1 or > 65_536)
        {
            yield return $"Worker:IoPoolSize is {IoPoolSize}; expected 1 to 65536.";
        }

        if (GpuPoolSize is < 1 or > 256)
        {
            yield return $"Worker:GpuPoolSize is {GpuPoolSize}; expected 1 to 256.";
        }

        if (Id is { Length: > WireLimits.MaxIdLength } || Id?.AsSpan().IndexOfAnyExceptInRange(' ', '~') >= 0)
        {
            yield return $"Worker:Id must be at most {WireLimits.MaxIdLength} printable ASCII characters.";
        }

        foreach (var (name, value, min) in new[]
        {
            (nameof(HeartbeatInterval), HeartbeatInterval, TimeSpan.Zero),
            (nameof(StuckGrace), StuckGrace, TimeSpan.FromMilliseconds(1)),
            (nameof(UnstartedLimit), UnstartedLimit, TimeSpan.FromMilliseconds(1)),
            (nameof(DrainTimeout), DrainTimeout, TimeSpan.Zero),
            (nameof(HoldTime), HoldTime, TimeSpan.FromMilliseconds(1)),
        })
        {
            if (value < min || value > TimeSpan.FromHours(1))
            {
                yield return $"Worker:{name} is {value}; expected {min} to 01:00:00.";
            }
        }

        if (MaxMemoryMb < 0)
        {
            yield return $"Worker:MaxMemoryMb is {MaxMemoryMb}; expected 0 (no limit) or more.";
        }

        if (MaxCpuTimeMs < 0)
        {
            yield return $"Worker:MaxCpuTimeMs is {MaxCpuTimeMs}; expected 0 (no limit) or more.";
        }

        if (MaxUnreportedBytes < WireLimits.MaxResultBytes)
        {
            yield return $"Worker:MaxUnreportedBytes is {MaxUnreportedBytes}; expected at least {WireLimits.MaxResultBytes} (one result).";
        }
    }
}
