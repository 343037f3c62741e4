namespace Beamline.Observability;

/// <summary>One setting in its three spellings: <c>--cpu-pool-size</c>, <c>WORKER_CPU_POOL_SIZE</c>, <c>Worker:CpuPoolSize</c>.</summary>
/// <param name="Option">The command line's form, without the dashes.</param>
/// <param name="Variable">The environment's form, or null where there is none.</param>
/// <param name="Key">The configuration key that the options classes bind to.</param>
public sealed record Setting(string Option, string? Variable, string Key)
{
    /// <summary>What every service knows (the wire contract's names).</summary>
    internal static IReadOnlyList<Setting> Contracted { get; } =
    [
        new("cpu-pool-size", "WORKER_CPU_POOL_SIZE", "Worker:CpuPoolSize"),
        new("gpu-pool-size", "WORKER_GPU_POOL_SIZE", "Worker:GpuPoolSize"),
        new("io-pool-size", "WORKER_IO_POOL_SIZE", "Worker:IoPoolSize"),
        new("max-memory-mb", "WORKER_MAX_MEMORY_MB", "Worker:MaxMemoryMb"),
        new("max-cpu-time-ms", "WORKER_MAX_CPU_TIME_MS", "Worker:MaxCpuTimeMs"),
        new("sandbox-mode", "WORKER_SANDBOX_MODE", "Worker:SandboxMode"),
        new("nats-url", "NATS_URL", "Nats:Url"),
        new("prometheus-endpoint", "PROMETHEUS_ENDPOINT", "Prometheus:Endpoint"),
        new("otel-exporter-otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "Otel:Endpoint"),
        new("log-level", null, "Logging:LogLevel:Default"),
    ];
}

/// <summary>The command line is wrong. The message is meant for the person who typed it.</summary>
public sealed class SettingsException(string message) : Exception(message);
