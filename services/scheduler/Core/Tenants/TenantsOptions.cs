using Beamline.Contracts;

namespace Beamline.Scheduler.Core.Tenants;

/// <summary>Section <c>Tenants</c>: what each tenant may have. What an override leaves out holds as the default has it.</summary>
public sealed class TenantsOptions
{
    public const string Section = "Tenants";

    /// <summary>What a tenant without an override may have.</summary>
    public TenantLimits Default { get; set; } = new();

    /// <summary>By tenant id.</summary>
    public Dictionary<string, TenantLimits> Overrides { get; set; } = new(StringComparer.Ordinal);

    /// <summary>The window over which <see cref="TenantLimits.CpuTimePerWindow"/> is counted; it slides.</summary>
    public TimeSpan CpuWindow { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>What is wrong with the section, a sentence each.</summary>
    public IEnumerable<string> Faults()
    {
        if (CpuWindow < TimeSpan.FromSeconds(1) || CpuWindow > TimeSpan.FromDays(1))
        {
            yield return $"{Section}:CpuWindow is {CpuWindow}; expected a second to a day.";
        }

        foreach (var tenant in Overrides.Keys.Where(tenant => !TenantId.IsValid(tenant)))
        {
            yield return $"{Section}:Overrides:{tenant}: \"{tenant}\" is no tenant id; one is 1 to 64 characters of A-Z a-z 0-9 _ -.";
        }

        foreach (var (place, limits) in Overrides.Select(o => ($"{Section}:Overrides:{o.Key}", o.Value)).Prepend(($"{Section}:Default", Default)))
        {
            foreach (var fault in limits.Faults(place))
            {
                yield return fault;
            }
        }
    }
}

/// <summary>
/// One tenant's limits. Unset: the default's value, and where that leaves it out too, the one named here. 0: no limit. What is
/// over a limit on waiting work is refused with 2004 at admission; what is over a limit on running work waits in the queue.
/// </summary>
public sealed class TenantLimits
{
    /// <summary>The tenant's part of a contended pool against the others' (1): with 3 it gets three times as much as a tenant with 1.</summary>
    public double? Weight { get; set; }

    /// <summary>Tasks that wait: queued, parked, awaiting a person (100,000).</summary>
    public int? MaxQueued { get; set; }

    /// <summary>Bytes of the assignments of its open tasks (256 MiB).</summary>
    public long? MaxPayloadBytes { get; set; }

    /// <summary>Assignments taken a second, over time (no limit).</summary>
    public double? AdmitPerSecond { get; set; }

    /// <summary>Assignments taken at once after a quiet time (two seconds' worth).</summary>
    public int? AdmitBurst { get; set; }

    /// <summary>Leases at a time, over all pools (no limit).</summary>
    public int? MaxRunning { get; set; }

    /// <summary>Leases granted a second, over time; at most one second's worth at once (no limit).</summary>
    public double? StartsPerSecond { get; set; }

    /// <summary>Sum of <c>resources.memory_mb</c> of running tasks (no limit). A task that alone declares more is refused.</summary>
    public int? MaxMemoryMb { get; set; }

    /// <summary>CPU time of its steps in a window (no limit). Over it nothing more is leased until the window has moved on.</summary>
    public TimeSpan? CpuTimePerWindow { get; set; }

    /// <summary>For each <c>concurrency_key</c> without an entry in <see cref="Keys"/>.</summary>
    public KeyLimits PerKey { get; set; } = new();

    /// <summary>For single concurrency keys.</summary>
    public IList<NamedKeyLimits> Keys { get; set; } = [];

    internal IEnumerable<string> Faults(string place)
    {
        if (Weight is { } weight && !(weight >= 0.001 && weight <= 1_000_000))
        {
            yield return $"{place}:Weight is {weight}; expected 0.001 to 1000000.";
        }

        foreach (var (name, rate) in ((string, double?)[])[(nameof(AdmitPerSecond), AdmitPerSecond), (nameof(StartsPerSecond), StartsPerSecond)])
        {
            if (!KeyLimits.IsRate(rate))
            {
                yield return $"{place}:{name} is {rate}; expected {KeyLimits.Rates}.";
            }
        }

        foreach (var (name, negative) in ((string, bool)[])[
            (nameof(MaxQueued), MaxQueued < 0), (nameof(MaxPayloadBytes), MaxPayloadBytes < 0),
            (nameof(AdmitBurst), AdmitBurst < 0), (nameof(MaxRunning), MaxRunning < 0),
            (nameof(MaxMemoryMb), MaxMemoryMb < 0), (nameof(CpuTimePerWindow), CpuTimePerWindow < TimeSpan.Zero)])
        {
            if (negative)
            {
                yield return $"{place}:{name} must be 0 (no limit) or more.";
            }
        }

        foreach (var (where, key) in Keys.Select(k => ($"{place}:Keys ({k.Key})", (KeyLimits)k)).Prepend(($"{place}:PerKey", PerKey)))
        {
            if (key.MaxRunning < 0)
            {
                yield return $"{where}: MaxRunning must be 0 (no limit) or more.";
            }

            if (!KeyLimits.IsRate(key.StartsPerSecond))
            {
                yield return $"{where}: StartsPerSecond is {key.StartsPerSecond}; expected {KeyLimits.Rates}.";
            }
        }

        if (Keys.Any(k => k.Key.Length == 0))
        {
            yield return $"{place}:Keys: each entry needs a Key.";
        }
    }
}

/// <summary>Limits of one <c>concurrency_key</c> of one tenant. Unset: as <see cref="TenantLimits.PerKey"/> has it, then no limit. 0: no limit.</summary>
public class KeyLimits
{
    /// <summary>Leases at a time.</summary>
    public int? MaxRunning { get; set; }

    /// <summary>Leases granted a second, over time; at most one second's worth at once.</summary>
    public double? StartsPerSecond { get; set; }

    internal const string Rates = "0 (no limit), or 0.0001 to 1000000 a second";

    // Slower than nine a day is no pace that anybody could wait for.
    internal static bool IsRate(double? rate) => rate is null or 0 or (>= 0.0001 and <= 1_000_000);
}

public sealed class NamedKeyLimits : KeyLimits
{
    public string Key { get; set; } = "";
}
