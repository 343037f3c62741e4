using Beamline.Contracts.Json;

namespace Beamline.ExecutorHost.Blocks;

/// <summary>For whom a step runs, and what it may use.</summary>
public sealed record BlockContext
{
    public required string TenantId { get; init; }
    public string? TraceId { get; init; }
    public string? RunId { get; init; }
    public string? FlowId { get; init; }
    public string? StepId { get; init; }
    public required string WorkerId { get; init; }

    /// <summary>True where the worker runs tenants' code apart (Worker:SandboxMode).</summary>
    public bool Sandbox { get; init; }

    /// <summary>Rights from the gateway's principal or the tenant's policy, never from the assignment.</summary>
    public IReadOnlyList<string> RbacScopes { get; init; } = [];

    /// <summary>The clock: blocks read no other.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Takes JSON objects that tell how far the step is. Coalesced: only the latest untold one is kept.</summary>
    public IProgress<RawJson> Progress { get; init; } = SilentProgress.Instance;

    /// <summary>Why the token has fired; <see cref="StopCause.None"/> until then.</summary>
    public Func<StopCause> ReadStopCause { get; init; } = static () => Blocks.StopCause.None;

    public StopCause StopCause => ReadStopCause();

    public bool HasScope(string scope) => RbacScopes.Contains(scope, StringComparer.Ordinal);

    private sealed class SilentProgress : IProgress<RawJson>
    {
        public static readonly SilentProgress Instance = new();

        public void Report(RawJson value)
        {
        }
    }
}

/// <summary>Why a running step was told to stop.</summary>
public enum StopCause
{
    None,

    /// <summary>A committed cancellation of the task.</summary>
    User,

    /// <summary>The step's total run time is over.</summary>
    Deadline,

    /// <summary>One attempt's time is over; another may follow.</summary>
    AttemptTimeout,

    /// <summary>The step has used up its CPU time.</summary>
    CpuTime,

    /// <summary>The worker is going away and its time for finishing is over.</summary>
    Shutdown,

    /// <summary>The lease could not be renewed in time or was refused: someone else may be running the step.</summary>
    LostLease,
}
