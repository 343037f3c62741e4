using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;

namespace Beamline.Scheduler.Core;

/// <summary>Makes a task's facts from an assignment, at admission and again when the ledger is read back.</summary>
internal static class TaskInfos
{
    public static TaskInfo Of(ExecAssignment assignment, RawJson bytes, byte[] identity, byte[] bodyHash, string source, string? principal, IReadOnlyList<string>? scopes)
    {
        var job = JobDefaults.For(assignment);
        return new TaskInfo
        {
            Id = 0,
            Assignment = assignment with { Job = assignment.Job with { Inputs = null, Inline = null } },
            TenantId = assignment.TenantId,
            AssignmentId = assignment.AssignmentId,
            Bytes = bytes,
            Identity = identity,
            BodyHash = bodyHash,
            Source = source,
            Principal = principal,
            Scopes = scopes,
            Pool = job.Pool ?? "",
            Type = job.Type,
            Priority = job.Priority,
            Slots = Math.Max(1, job.Concurrency),
            MemoryMb = Math.Max(0, job.MemoryMb ?? 0),
            ConcurrencyKey = job.ConcurrencyKey,
            Cost = Math.Max(1, job.EstimatedCostMs) * Math.Max(1, job.Concurrency),
            TimeoutMs = job.TimeoutMs,
            QueueTimeoutMs = job.QueueTimeoutMs,
            MaxOutputBytes = job.MaxOutputBytes,
            AtMostOnce = job.AtMostOnce,
            NotBefore = assignment.NotBefore ?? 0,
            ExpiresAt = assignment.ExpiresAt ?? long.MaxValue,
            AdmittedAt = 0,
        };
    }
}
