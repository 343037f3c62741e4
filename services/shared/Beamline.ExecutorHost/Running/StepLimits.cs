using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.ExecutorHost.Running;

/// <summary>What a step may ask for and use here.</summary>
internal sealed class StepLimits(WorkerOptions options)
{
    /// <summary>Milliseconds over all attempts on this worker; null: no limit.</summary>
    public long? CpuTimeMsOf(EffectiveJob job) => job.CpuTimeMs ?? (options.MaxCpuTimeMs > 0 ? options.MaxCpuTimeMs : null);

    /// <summary>Null when the job asks for no more than this worker gives.</summary>
    public BlockOutcome? RefusalOf(EffectiveJob job) =>
        Refusal("memory_mb", job.MemoryMb, options.MaxMemoryMb) ?? Refusal("cpu_time_ms", job.CpuTimeMs, options.MaxCpuTimeMs);

    // Not retryable: it is the same here the next time, and the workers of a pool are set up alike.
    private static BlockOutcome? Refusal(string resource, long? asked, long limit) => limit > 0 && asked > limit
        ? BlockOutcome.Failed(
            ErrorCode.ResourceUnavailable,
            $"The job asks for {resource} {asked}; this worker gives at most {limit}.",
            retryable: false,
            StepReports.Details(("reason", "over_limit"), ("resource", resource)))
        : null;
}
