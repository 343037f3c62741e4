using Beamline.Contracts.Assignments;
using Beamline.Scheduler.Core;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>The column <c>identity</c>: empty where the identity is no more than the row's tenant, assignment and replay.</summary>
internal static class LedgerIdentity
{
    public static ReadOnlySpan<byte> ToColumn(TaskInfo task) =>
        task.Assignment is { FlowId: not null, StepId: not null } ? task.Identity : [];

    public static byte[] IdentityOf(this SqliteDataReader row, int column, string tenantId, string assignmentId, int replay) =>
        FromColumn(row.GetFieldValue<byte[]>(column), tenantId, assignmentId, replay);

    public static byte[] FromColumn(byte[] stored, string tenantId, string assignmentId, int replay) =>
        stored.Length > 0 ? stored : StepIdentity.KeyOf(tenantId, assignmentId, replay);
}
