namespace Beamline.Contracts.Errors;

/// <summary>The limits of a tenant, as an error's <c>details.limit</c> and an explanation name them.</summary>
public static class QuotaLimits
{
    /// <summary>Tasks that wait.</summary>
    public const string Queued = "queued";

    /// <summary>Assignments admitted a second.</summary>
    public const string Rate = "rate";

    /// <summary>Bytes of the assignments of open tasks.</summary>
    public const string PayloadBytes = "payload_bytes";

    /// <summary>Leases at a time.</summary>
    public const string Running = "running";

    /// <summary>Leases granted a second.</summary>
    public const string StartRate = "start_rate";

    /// <summary>Memory declared by running tasks.</summary>
    public const string Memory = "memory";

    /// <summary>CPU time in a window.</summary>
    public const string CpuTime = "cpu_time";

    /// <summary>Leases at a time of tasks with one concurrency_key.</summary>
    public const string KeyRunning = "key_running";

    /// <summary>Leases granted a second to tasks with one concurrency_key.</summary>
    public const string KeyStartRate = "key_start_rate";
}
