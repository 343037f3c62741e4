using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;

namespace Beamline.ExecutorHost.Tests.Harness;

/// <summary>Leases as a scheduler would grant them.</summary>
internal static class TestLeases
{
    public const string Type = "test.block";

    public static Lease Of(long number, string job = "", string type = Type, bool startRequired = false, long remainingMs = 30_000, int retriesUsed = 0, long ranMs = 0, long? expiresAt = null) => new()
    {
        Number = number,
        TenantId = "tenant-1",
        AssignmentId = $"assign-{number}",
        Assignment = RawJson.FromString($$$"""
            {"version":"1","assignment_id":"assign-{{{number}}}","request_id":"req-{{{number}}}","tenant_id":"tenant-1","trace_id":"trace-1",
             "run_id":"run-1","flow_id":"flow-1","step_id":"step-1","executor":{"provider_id":"p"},
             "job":{"type":"{{{type}}}"{{{(job.Length > 0 ? "," + job : "")}}}}}
            """),
        Delivery = 1,
        Replay = 0,
        RetriesUsed = retriesUsed,
        RanMs = ranMs,
        RemainingMs = remainingMs,
        ExpiresAt = expiresAt,
        StartRequired = startRequired,
        Scopes = ["sql:write"],
    };
}
