using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Assignments;

/// <summary>
/// Reads an assignment from its bytes. Tolerant of what it does not know, strict about what it does, and it reports every
/// fault at once. A value of the wrong JSON type or form is 1003, one out of range or unknown is 1001, a missing one 1002.
/// </summary>
public static class AssignmentReader
{
    private const long LatestTime = 253_402_300_799_999; // the last millisecond of the year 9999

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = WireLimits.MaxJsonDepth, AllowDuplicateProperties = false };
    private static readonly JsonDocumentOptions Trusting = new() { MaxDepth = WireLimits.MaxJsonDepth };

    /// <summary>Never throws, whatever the bytes are. The reading keeps nothing of the buffer.</summary>
    public static AssignmentReading Read(ReadOnlyMemory<byte> utf8)
    {
        // What is far too large is not even parsed; what is a little too large still tells its ids for the rejection.
        if (utf8.Length > WireLimits.MaxBatchBytes)
        {
            return Unreadable(new Fault(ErrorCode.InvalidInput, null, TooLarge(utf8.Length)));
        }

        if (StrictJson.TryParse(utf8.Span, Strict, out var root) is { } problem)
        {
            return Unreadable(new Fault(ErrorCode.InvalidFormat, null, problem));
        }

        if (root.ValueKind != JsonValueKind.Object)
        {
            return Unreadable(new Fault(ErrorCode.InvalidFormat, null, "The assignment is not a JSON object."));
        }

        var faults = new List<Fault>();
        if (utf8.Length > WireLimits.MaxAssignmentBytes)
        {
            faults.Add(new Fault(ErrorCode.InvalidInput, null, TooLarge(utf8.Length)));
        }

        var assignment = ReadRoot(new FieldReader(root, "", faults));
        return new AssignmentReading
        {
            Assignment = faults.Count == 0 ? assignment : null,
            Faults = faults,
            Parsable = true,
            AssignmentId = NullIfEmpty(assignment.AssignmentId),
            RequestId = NullIfEmpty(assignment.RequestId),
            TenantId = NullIfEmpty(assignment.TenantId),
            TraceId = assignment.TraceId,
            Root = root,
        };
    }

    /// <summary>Reads what was validated before (a lease, a row of the ledger): cheaper, reports nothing.</summary>
    /// <exception cref="InvalidDataException">The bytes were never validated: a required field is not there.</exception>
    /// <exception cref="JsonException">The bytes are not JSON.</exception>
    public static ExecAssignment ReadTrusted(RawJson assignment)
    {
        var read = ReadRoot(new FieldReader(JsonElement.Parse(assignment.Utf8.Span, Trusting), "", faults: null));
        return read is { AssignmentId.Length: > 0, TenantId.Length: > 0, Job.Type.Length: > 0 }
            ? read
            : throw new InvalidDataException("An assignment that counts as validated lacks a required field.");
    }

    private static ExecAssignment ReadRoot(FieldReader root)
    {
        var version = root.RequiredText("version", maxLength: 16);
        if (version is not "1" and not "")
        {
            root.Fault(ErrorCode.InvalidInput, "version", $"Version '{version}' is not known; this is version '1'.");
        }

        // The order of these calls is the order in which faults are reported.
        var assignment = new ExecAssignment
        {
            Id = root.TextOrIgnore("id"),
            Version = version,
            AssignmentId = root.RequiredId("assignment_id"),
            RequestId = root.RequiredId("request_id"),
            TenantId = root.RequiredTenantId("tenant_id"),
            TraceId = root.Id("trace_id"),
            RunId = root.Id("run_id"),
            FlowId = root.Id("flow_id"),
            StepId = root.Id("step_id"),
            Attempt = root.Int("attempt", 1, int.MaxValue),
            Traceparent = root.Text("traceparent", maxLength: 128),
            Tracestate = root.Text("tracestate", maxLength: 512),
            Priority = root.Int("priority", 0, 9),
            NotBefore = root.Long("not_before", 0, LatestTime),
            ExpiresAt = root.Long("expires_at", 0, LatestTime),
            Executor = ReadExecutor(root.RequiredObject("executor")),
            Job = ReadJob(root.RequiredObject("job")),
        };
        CheckUrl(assignment, root);
        return assignment;
    }

    private static ExecutorRef ReadExecutor(FieldReader? executor) => new()
    {
        ProviderId = executor?.RequiredId("provider_id") ?? "",
        Endpoint = executor?.Text("endpoint", maxLength: 8192),
    };

    private static Job ReadJob(FieldReader? found)
    {
        if (found is not { } job)
        {
            return new Job { Type = "" };
        }

        var type = job.RequiredText("type", WireLimits.MaxIdLength);
        var block = BlockTypes.Find(type);
        if (type.Length > 0 && block is not { Implemented: true })
        {
            job.Fault(ErrorCode.InvalidInput, "type", $"Block type '{type}' is not known to this build.");
        }

        var approval = type == BlockTypes.HumanApproval;
        var longest = approval ? JobDefaults.MaxApprovalTimeoutMs : JobDefaults.MaxTimeoutMs;
        var inputs = job.Object("inputs");
        if (approval)
        {
            ApprovalInputs.Read(inputs ?? job);
        }

        return new Job
        {
            Type = type,
            Inputs = inputs?.Element,
            // The waiting time is an input of human.approval too, so it may stand among those.
            TimeoutMs = job.Long("timeout_ms", 1, longest) ?? (approval ? inputs?.Long("timeout_ms", 1, longest) : null),
            QueueTimeoutMs = job.Long("queue_timeout_ms", 1, JobDefaults.MaxApprovalTimeoutMs),
            AttemptTimeoutMs = job.Long("attempt_timeout_ms", 1, JobDefaults.MaxTimeoutMs),
            Retry = ReadRetry(job.Object("retry")),
            RetryConfig = ReadRetry(job.Object("retry_config")),
            Resources = ReadResources(job.Object("resources"), block),
            Guardrails = ReadGuardrails(job.Object("guardrails")),
            ConcurrencyKey = job.Id("concurrency_key"),
            Redelivery = ReadRedelivery(job),
            BlockVersion = job.Id("block_version"),
            Inline = job.Rest(JobFields.Reserved),
        };
    }

    private static RetrySettings? ReadRetry(FieldReader? retry) => retry is not { } fields ? null : new RetrySettings
    {
        MaxRetries = fields.Int("max_retries", 0, JobDefaults.MostRetries),
        BackoffMs = fields.Long("backoff_ms", 0, JobDefaults.MaxTimeoutMs),
    };

    private static ResourceRequest? ReadResources(FieldReader? resources, BlockType? block)
    {
        if (resources is not { } fields)
        {
            return null;
        }

        var pool = fields.Text("class", WireLimits.MaxIdLength);
        if (pool is not (null or Pools.Cpu or Pools.Io or Pools.Gpu))
        {
            fields.Fault(ErrorCode.InvalidInput, "class", $"'{pool}' is not a pool; it is cpu, io or gpu.");
        }
        else if (pool is not null && block is { AllowedPools.Count: > 0 } && !block.AllowedPools.Contains(pool))
        {
            fields.Fault(ErrorCode.InvalidInput, "class", $"'{block.Type}' does not run on {pool}; it runs on {string.Join(" or ", block.AllowedPools)}.");
        }

        return new ResourceRequest
        {
            Class = pool,
            MemoryMb = fields.Int("memory_mb", 0, int.MaxValue),
            CpuTimeMs = fields.Long("cpu_time_ms", 0, LatestTime),
            GpuMemoryMb = fields.Int("gpu_memory_mb", 0, int.MaxValue),
            Concurrency = fields.Int("concurrency", 1, 1024),
        };
    }

    private static Guardrails? ReadGuardrails(FieldReader? guardrails) => guardrails is not { } fields ? null : new Guardrails
    {
        DryRun = fields.Bool("dry_run"),
        MaxOutputBytes = fields.Int("max_output_bytes", 1, int.MaxValue),
    };

    private static string? ReadRedelivery(FieldReader job)
    {
        var redelivery = job.Text("redelivery", WireLimits.MaxIdLength);
        if (redelivery is not (null or JobDefaults.AtLeastOnce or JobDefaults.AtMostOnce))
        {
            job.Fault(ErrorCode.InvalidInput, "redelivery", $"'{redelivery}' is not known; it is at_least_once or at_most_once.");
        }

        return redelivery;
    }

    private static void CheckUrl(ExecAssignment assignment, FieldReader root)
    {
        if (assignment.Job.Type != BlockTypes.HttpRequest || !string.IsNullOrEmpty(assignment.Executor.Endpoint))
        {
            return;
        }

        if (!assignment.Job.TryReadInput("url", out var url) || url.ValueKind == JsonValueKind.Null)
        {
            var field = assignment.Job.Inputs is null ? "job.url" : "job.inputs.url";
            root.Fault(ErrorCode.MissingRequiredField, field, "http.request needs a url, here or as executor.endpoint.");
        }
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    private static string TooLarge(int length) =>
        $"The assignment takes {length} bytes; at most {WireLimits.MaxAssignmentBytes} are allowed. Larger inputs go by reference.";

    private static AssignmentReading Unreadable(Fault fault) => new() { Parsable = false, Faults = [fault] };
}
