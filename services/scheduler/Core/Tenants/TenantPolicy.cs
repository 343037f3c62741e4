namespace Beamline.Scheduler.Core.Tenants;

/// <summary>A tenant's limits with every default filled in; <see cref="None"/> stands for no limit.</summary>
internal sealed record TenantPolicy
{
    public const int None = int.MaxValue;
    private const int DefaultMaxQueued = 100_000;
    private const long DefaultMaxPayloadBytes = 256L * 1024 * 1024;

    public required double Weight { get; init; }
    public required int MaxQueued { get; init; }
    public required long MaxPayloadBytes { get; init; }
    public required RatePolicy? Admissions { get; init; }
    public required int MaxRunning { get; init; }
    public required RatePolicy? Starts { get; init; }
    public required int MaxMemoryMb { get; init; }
    public required long? CpuMsPerWindow { get; init; }
    public required KeyPolicy PerKey { get; init; }
    public required IReadOnlyDictionary<string, KeyPolicy> Keys { get; init; }

    public KeyPolicy ForKey(string key) => Keys.GetValueOrDefault(key, PerKey);

    /// <summary>What holds for a tenant with these limits of its own and these defaults.</summary>
    public static TenantPolicy Of(TenantLimits own, TenantLimits defaults)
    {
        var admitPerSecond = own.AdmitPerSecond ?? defaults.AdmitPerSecond ?? 0;
        var burst = own.AdmitBurst ?? defaults.AdmitBurst ?? 0;
        var perKey = KeyPolicy.Of(own.PerKey, KeyPolicy.Of(defaults.PerKey, KeyPolicy.Free));
        var keys = new Dictionary<string, KeyPolicy>(StringComparer.Ordinal);
        foreach (var key in defaults.Keys.Concat(own.Keys))
        {
            keys[key.Key] = KeyPolicy.Of(key, keys.GetValueOrDefault(key.Key, perKey));
        }

        return new TenantPolicy
        {
            Weight = own.Weight ?? defaults.Weight ?? 1,
            MaxQueued = Bound(own.MaxQueued ?? defaults.MaxQueued ?? DefaultMaxQueued),
            MaxPayloadBytes = (own.MaxPayloadBytes ?? defaults.MaxPayloadBytes ?? DefaultMaxPayloadBytes) is > 0 and var bytes ? bytes : long.MaxValue,
            Admissions = RatePolicy.Of(admitPerSecond, burst > 0 ? burst : 2 * admitPerSecond),
            MaxRunning = Bound(own.MaxRunning ?? defaults.MaxRunning ?? 0),
            Starts = RatePolicy.Of(own.StartsPerSecond ?? defaults.StartsPerSecond ?? 0),
            MaxMemoryMb = Bound(own.MaxMemoryMb ?? defaults.MaxMemoryMb ?? 0),
            CpuMsPerWindow = (own.CpuTimePerWindow ?? defaults.CpuTimePerWindow) is { Ticks: > 0 } cpu ? (long)cpu.TotalMilliseconds : null,
            PerKey = perKey,
            Keys = keys,
        };
    }

    internal static int Bound(int limit) => limit == 0 ? None : limit;
}

/// <summary>The limits of one concurrency key.</summary>
internal sealed record KeyPolicy(int MaxRunning, RatePolicy? Starts)
{
    public static readonly KeyPolicy Free = new(TenantPolicy.None, null);

    public bool IsFree => MaxRunning == TenantPolicy.None && Starts is null;

    public static KeyPolicy Of(KeyLimits limits, KeyPolicy defaults) => new(
        limits.MaxRunning is { } running ? TenantPolicy.Bound(running) : defaults.MaxRunning,
        limits.StartsPerSecond is { } starts ? RatePolicy.Of(starts) : defaults.Starts);
}

/// <summary>So many a second over time, and no more than <see cref="Burst"/> at once.</summary>
internal sealed record RatePolicy(double PerSecond, double Burst)
{
    /// <summary>Null for 0: no limit. A burst is never less than one, or nothing would ever pass.</summary>
    public static RatePolicy? Of(double perSecond, double? burst = null) =>
        perSecond > 0 ? new RatePolicy(perSecond, Math.Max(1, burst ?? perSecond)) : null;
}
