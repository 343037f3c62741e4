using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;

namespace Beamline.ExecutorHost.Leases;

/// <summary>Reads granted leases, outside the book's lock: parsing is the dearest part of taking an answer in.</summary>
internal static class LeaseReading
{
    public static HeldLease[] Read(IReadOnlyList<Lease> leases, int slots, TimeSpan now)
    {
        var read = new HeldLease[leases.Count];
        for (var i = 0; i < read.Length; i++)
        {
            read[i] = Read(leases[i], slots, now);
        }

        return read;
    }

    private static HeldLease Read(Lease lease, int slots, TimeSpan now)
    {
        try
        {
            var assignment = AssignmentReader.ReadTrusted(lease.Assignment);
            var job = JobDefaults.For(assignment);
            return new HeldLease(lease, assignment, job, now) { Slots = Math.Clamp(job.Concurrency, 1, slots) };
        }
        catch (Exception fault) when (fault is JsonException or InvalidDataException or FormatException or InvalidOperationException)
        {
            return Unreadable(lease, now, fault.Message);
        }
    }

    // The scheduler validated it once; whatever happened since, the task must end with an answer rather than come back for ever.
    private static HeldLease Unreadable(Lease lease, TimeSpan now, string why)
    {
        var assignment = new ExecAssignment
        {
            Version = "1",
            AssignmentId = lease.AssignmentId,
            RequestId = "",
            TenantId = lease.TenantId,
            Executor = new ExecutorRef { ProviderId = "" },
            Job = new Job { Type = "" },
        };
        var held = new HeldLease(lease, assignment, JobDefaults.For(assignment), now) { Slots = 1 };
        held.Report = new LeaseReport
        {
            Lease = lease.Number,
            Kind = ReportKinds.Ended,
            RanMs = lease.RanMs,
            RetriesUsed = lease.RetriesUsed,
            Result = new StepResult
            {
                Status = StepStatus.Error,
                ErrorCode = ErrorCode.InvalidFormat,
                ErrorMessage = "The leased assignment cannot be read: " + why,
                Retryable = false,
                Metadata = StepMetadata.Of(assignment),
                RetriesUsed = lease.RetriesUsed,
            },
        };
        return held;
    }
}
