using System.Text.Json;
using System.Text.Json.Serialization;

namespace Beamline.Contracts.Assignments;

/// <summary>
/// One unit of work as the wire carries it. Read with AssignmentReader, which reports every fault;
/// the ledger keeps the exact bytes beside it, so unknown fields are never lost.
/// </summary>
public sealed record ExecAssignment
{
    public string? Id { get; init; }
    public required string Version { get; init; }
    public required string AssignmentId { get; init; }
    public required string RequestId { get; init; }
    public required string TenantId { get; init; }
    public string? TraceId { get; init; }
    public string? RunId { get; init; }
    public string? FlowId { get; init; }
    public string? StepId { get; init; }

    /// <summary>The Router's own count, from 1. Part of the step's identity; never changed here.</summary>
    public int? Attempt { get; init; }
    public string? Traceparent { get; init; }
    public string? Tracestate { get; init; }

    /// <summary>0 (lowest) to 9; 5 when left out.</summary>
    public int? Priority { get; init; }
    public required ExecutorRef Executor { get; init; }
    public required Job Job { get; init; }

    /// <summary>Unix milliseconds before which no attempt starts.</summary>
    public long? NotBefore { get; init; }

    /// <summary>Unix milliseconds after which the task no longer starts.</summary>
    public long? ExpiresAt { get; init; }
}

public sealed record ExecutorRef
{
    public required string ProviderId { get; init; }
    public string? Endpoint { get; init; }
}

/// <summary>
/// What to run. A block's inputs stand inline beside the reserved fields or under <see cref="Inputs"/>;
/// <see cref="ReadInputs"/> tells which.
/// </summary>
public sealed record Job
{
    public required string Type { get; init; }
    public JsonElement? Inputs { get; init; }

    /// <summary>Milliseconds over all attempts and leases, from the first start. For human.approval the waiting time.</summary>
    public long? TimeoutMs { get; init; }
    public long? QueueTimeoutMs { get; init; }
    public long? AttemptTimeoutMs { get; init; }
    public RetrySettings? Retry { get; init; }

    /// <summary>The older name of <see cref="Retry"/>; that one wins when both are there.</summary>
    public RetrySettings? RetryConfig { get; init; }
    public ResourceRequest? Resources { get; init; }
    public Guardrails? Guardrails { get; init; }
    public string? ConcurrencyKey { get; init; }

    /// <summary><c>at_least_once</c> (default) or <c>at_most_once</c>.</summary>
    public string? Redelivery { get; init; }
    public string? BlockVersion { get; init; }

    /// <summary>Everything in <c>job</c> that is not reserved. Settable, since generated JSON cannot fill an init-only extension.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Inline { get; set; }

    /// <summary>One of the block's inputs, without building the whole dictionary.</summary>
    public bool TryReadInput(string name, out JsonElement value)
    {
        value = default;
        return Inputs is { } inputs ? inputs.TryGetProperty(name, out value) : Inline is { } inline && inline.TryGetValue(name, out value);
    }

    /// <summary>The block's inputs by name: the members of <see cref="Inputs"/> when it is there, else <see cref="Inline"/>.</summary>
    public IReadOnlyDictionary<string, JsonElement> ReadInputs()
    {
        if (Inputs is not { } inputs)
        {
            return Inline ?? [];
        }

        var read = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in inputs.EnumerateObject())
        {
            read[member.Name] = member.Value;
        }

        return read;
    }
}

public sealed record RetrySettings
{
    /// <summary>Retries after the first attempt, 0 to 20; 2 when left out (0 for at_most_once).</summary>
    public int? MaxRetries { get; init; }

    /// <summary>Milliseconds before the first retry, doubled each time, full jitter, capped at 30 s; 100 when left out.</summary>
    public long? BackoffMs { get; init; }
}

public sealed record ResourceRequest
{
    /// <summary><c>cpu</c>, <c>io</c> or <c>gpu</c>; must suit the block.</summary>
    public string? Class { get; init; }
    public int? MemoryMb { get; init; }
    public long? CpuTimeMs { get; init; }
    public int? GpuMemoryMb { get; init; }

    /// <summary>Slots taken; 1 when left out.</summary>
    public int? Concurrency { get; init; }
}

public sealed record Guardrails
{
    public bool? DryRun { get; init; }

    /// <summary>Bytes of outputs; 256 KiB when left out.</summary>
    public int? MaxOutputBytes { get; init; }
}
