using System.Buffers.Binary;
using System.Globalization;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;

namespace Beamline.Simulation;

/// <summary>One task with what only the simulation knows of it, and where it stands by what the scheduler has decided.</summary>
internal sealed class SimTask
{
    public const string Pool = "io";

    public static readonly IReadOnlyList<string> Types =
    [
        "http.request", "http.stream_upload", "fs.blob_put", "fs.blob_get", "sql.query",
        "ai.generate", "crypto.hash", "crypto.sign", "crypto.verify", "media.render",
    ];

    private static readonly byte[] NoHash = new byte[32];

    public required TenantPlan Tenant { get; init; }
    public required TaskPlan Plan { get; init; }
    public required Candidate Candidate { get; init; }

    /// <summary>What a run takes.</summary>
    public required long TrueMs { get; init; }
    public string Id => Candidate.Draft.AssignmentId;
    public string? Key => Candidate.Draft.Assignment.Job.ConcurrencyKey;

    /// <summary>What a run really costs, in milliseconds × slots.</summary>
    public double TrueCost => (double)TrueMs * Plan.Slots;

    // By what was decided, committed or not.
    public TaskPhase? Phase { get; set; }
    public long Lease { get; set; }
    public string? Worker { get; set; }
    public long QueuedAt { get; set; }

    /// <summary>Its admission was committed and told.</summary>
    public bool Accepted { get; set; }

    /// <summary>The endings committed: one, in the end.</summary>
    public int Endings { get; set; }

    /// <summary>How often a worker began to run it.</summary>
    public int Runs { get; set; }

    /// <summary>The workers that ran it to its end.</summary>
    public List<string>? DoneBy { get; set; }

    public static SimTask Make(long number, TenantPlan tenant, TaskPlan plan, long now, Random random)
    {
        var id = string.Create(CultureInfo.InvariantCulture, $"{tenant.Name}-{number}");
        var assignment = new ExecAssignment
        {
            Version = "1",
            AssignmentId = id,
            RequestId = id,
            TenantId = tenant.Name,
            Priority = plan.Priority,
            Executor = new ExecutorRef { ProviderId = "simulated" },
            Job = new Job
            {
                Type = plan.Type,
                TimeoutMs = JobDefaults.MaxTimeoutMs,
                QueueTimeoutMs = plan.QueueTimeoutMs,
                Resources = new ResourceRequest { Class = Pool, Concurrency = plan.Slots, MemoryMb = plan.MemoryMb > 0 ? plan.MemoryMb : null },
                ConcurrencyKey = plan.Keys > 0 ? string.Create(CultureInfo.InvariantCulture, $"key-{random.Next(plan.Keys)}") : null,
                Redelivery = plan.AtMostOnce ? JobDefaults.AtMostOnce : null,
            },
            NotBefore = plan.NotBeforeMs > 0 ? now + plan.NotBeforeMs : null,
            ExpiresAt = plan.ExpiresAfterMs > 0 ? now + plan.ExpiresAfterMs : null,
        };

        // All of it: the core reads it again when it keeps many.
        var body = RawJson.From(assignment, BeamlineJson.Default.ExecAssignment);
        var identity = new byte[32];
        BinaryPrimitives.WriteInt64BigEndian(identity, number);
        return new SimTask
        {
            Tenant = tenant,
            Plan = plan,
            TrueMs = RunTime(plan, random),
            Candidate = new Candidate(
                TaskInfos.Of(assignment, body, identity, NoHash, "gateway", null, null), TaskKeys.Of(identity, tenant.Name, id), null, false),
        };
    }

    /// <summary>Pareto with the plan's mean: the scale is mean × (shape − 1) ÷ shape.</summary>
    private static long RunTime(TaskPlan plan, Random random)
    {
        var ms = plan.Skew > 1 ? plan.MeanMs * (plan.Skew - 1) / plan.Skew / Math.Pow(1 - random.NextDouble(), 1 / plan.Skew) : plan.MeanMs;
        return Math.Max(1, (long)Math.Min(ms, plan.MeanMs * plan.MostMeans));
    }
}
