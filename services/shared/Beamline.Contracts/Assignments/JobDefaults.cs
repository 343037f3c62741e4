namespace Beamline.Contracts.Assignments;

/// <summary>A job with every default filled in and every cap applied: what scheduler and runner go by.</summary>
public sealed record EffectiveJob
{
    /// <summary>The type whose block runs; aliases are resolved.</summary>
    public required string Type { get; init; }

    /// <summary><see cref="Pools"/>; null for a block that needs no worker while it waits.</summary>
    public required string? Pool { get; init; }
    public required int Priority { get; init; }

    /// <summary>Total run time over all attempts and leases, milliseconds; for human.approval the waiting time.</summary>
    public required long TimeoutMs { get; init; }

    /// <summary>Bound of one attempt, milliseconds; null: only the total counts.</summary>
    public required long? AttemptTimeoutMs { get; init; }
    public required long QueueTimeoutMs { get; init; }
    public required int MaxRetries { get; init; }

    /// <summary>Before the first retry, milliseconds; doubled each time up to <see cref="JobDefaults.MaxBackoffMs"/>.</summary>
    public required long BackoffMs { get; init; }

    /// <summary>Slots taken.</summary>
    public required int Concurrency { get; init; }
    public required int MaxOutputBytes { get; init; }
    public required bool AtMostOnce { get; init; }
    public required bool DryRun { get; init; }

    /// <summary>The Router's own count.</summary>
    public required int Attempt { get; init; }

    /// <summary>Null: the pool's own limit.</summary>
    public required int? MemoryMb { get; init; }

    /// <summary>Null: the pool's own limit.</summary>
    public required long? CpuTimeMs { get; init; }
    public required int? GpuMemoryMb { get; init; }
    public required string? ConcurrencyKey { get; init; }
    public required int EstimatedCostMs { get; init; }
}

/// <summary>The contract's defaults and caps, in one place.</summary>
public static class JobDefaults
{
    public const int Priority = 5;
    public const int Attempt = 1;
    public const long TimeoutMs = 30_000;
    public const long MaxTimeoutMs = 7_200_000;
    public const long ApprovalTimeoutMs = 24L * 60 * 60 * 1000;
    public const long MaxApprovalTimeoutMs = 90 * ApprovalTimeoutMs;
    public const long QueueTimeoutMs = 600_000;
    public const int MaxRetries = 2;
    public const int MostRetries = 20;
    public const long BackoffMs = 100;
    public const long MaxBackoffMs = 30_000;
    public const int Concurrency = 1;
    public const int MaxOutputBytes = 256 * 1024;
    public const string AtLeastOnce = "at_least_once";
    public const string AtMostOnce = "at_most_once";

    private const int UnknownCostMs = 100;

    public static EffectiveJob For(ExecAssignment assignment)
    {
        var job = assignment.Job;
        var block = BlockTypes.Find(job.Type);
        var retry = job.Retry ?? job.RetryConfig;
        var approval = job.Type == BlockTypes.HumanApproval;
        var atMostOnce = job.Redelivery == AtMostOnce;
        return new EffectiveJob
        {
            Type = block?.Canonical ?? job.Type,
            Pool = block is { AllowedPools.Count: 0 } ? null : job.Resources?.Class ?? block?.DefaultPool,
            Priority = assignment.Priority ?? Priority,
            TimeoutMs = job.TimeoutMs ?? (approval ? ApprovalTimeoutMs : TimeoutMs),
            AttemptTimeoutMs = job.AttemptTimeoutMs,
            QueueTimeoutMs = job.QueueTimeoutMs ?? QueueTimeoutMs,
            MaxRetries = retry?.MaxRetries ?? (atMostOnce ? 0 : MaxRetries),
            BackoffMs = Math.Min(retry?.BackoffMs ?? BackoffMs, MaxBackoffMs),
            Concurrency = job.Resources?.Concurrency ?? Concurrency,
            MaxOutputBytes = MaxOutputBytesOf(job),
            AtMostOnce = atMostOnce,
            DryRun = job.Guardrails?.DryRun ?? false,
            Attempt = assignment.Attempt ?? Attempt,
            MemoryMb = job.Resources?.MemoryMb,
            CpuTimeMs = job.Resources?.CpuTimeMs,
            GpuMemoryMb = job.Resources?.GpuMemoryMb,
            ConcurrencyKey = job.ConcurrencyKey,
            EstimatedCostMs = block?.EstimatedCostMs ?? UnknownCostMs,
        };
    }

    /// <summary>What is asked for, but never more than a result may hold.</summary>
    internal static int MaxOutputBytesOf(Job job) => Math.Min(job.Guardrails?.MaxOutputBytes ?? MaxOutputBytes, WireLimits.MaxResultBytes);
}
