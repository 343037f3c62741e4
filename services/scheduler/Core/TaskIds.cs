using Beamline.Contracts;

namespace Beamline.Scheduler.Core;

internal static class TaskIds
{
    /// <summary>
    /// Whether a task can have these ids. A caller may send anything; a cancellation under ids that no row can have must not come as
    /// far as the ledger, whose writer would try it for ever.
    /// </summary>
    public static bool CanBe(string? tenantId, string? assignmentId) =>
        tenantId is not null && assignmentId is not null && TenantId.IsValid(tenantId) && WireId.IsValid(assignmentId);
}
