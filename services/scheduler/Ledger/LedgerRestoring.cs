using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>Reads rows back into the core's own terms.</summary>
internal static class LedgerRestoring
{
    /// <summary>A column: the assignment of a replay, whose first identity only its ids tell; NULL for all others, so that it is not read.</summary>
    public const string AssignmentOfReplay = "CASE WHEN replay > 0 THEN (SELECT body FROM assignments WHERE id = tasks.id) END";

    public static List<RestoredTask> OpenTasks(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT id, replay, identity, body_hash, alias_of, admitted_at, source, principal, scopes, a.body,
                state, started_at, queued_at, due, delivery, ran_ms, retries_used, lease, reported, worker, incarnation,
                start_committed, cancel, event_seq, lease_grant
            FROM tasks JOIN assignments a USING (id) WHERE state < 10
            """;
        var tasks = new List<RestoredTask>();
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            tasks.Add(new RestoredTask(InfoOf(row), StateOf(row)));
        }

        return tasks;
    }

    public static List<RestoredKeys> Keys(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT id, identity, tenant_id, assignment_id, alias_of, lease, reported, replay, {AssignmentOfReplay} FROM tasks WHERE state >= 10 ORDER BY id";
        var keys = new List<RestoredKeys>();
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            keys.Add(new RestoredKeys(
                row.GetInt64(0),
                KeysOf(row, row.GetInt32(7), 8),
                !row.IsDBNull(4),
                row.GetInt64(6) == 1 ? row.GetInt64(5) : null));
        }

        return keys;
    }

    public static List<RememberedCancel> Cancels(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT tenant_id, assignment_id, reason, requested_by, until FROM cancels_remembered ORDER BY until";
        var cancels = new List<RememberedCancel>();
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            cancels.Add(new RememberedCancel(row.GetString(0), row.GetString(1), Text(row, 2), Text(row, 3), row.GetInt64(4)));
        }

        return cancels;
    }

    public static List<CpuUse> CpuUsed(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT tenant_id, start, used_ms FROM cpu_used ORDER BY start";
        var used = new List<CpuUse>();
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            used.Add(new CpuUse(row.GetString(0), row.GetInt64(1), row.GetInt64(2)));
        }

        return used;
    }

    /// <summary>The keys of a row from columns 1 to 3 (identity, tenant_id, assignment_id) and <see cref="AssignmentOfReplay"/>.</summary>
    public static TaskKeys KeysOf(SqliteDataReader row, int replay, int assignmentOfReplay)
    {
        var (tenant, assignment) = (row.GetString(2), row.GetString(3));
        return TaskKeys.Of(FirstIdentityOf(row, assignmentOfReplay) ?? row.IdentityOf(1, tenant, assignment, replay), tenant, assignment);
    }

    /// <summary>The identity of what a replay repeats; null for a row that is no replay.</summary>
    public static byte[]? FirstIdentityOf(SqliteDataReader row, int assignmentOfReplay) => row.BytesOrNull(assignmentOfReplay) is { } bytes
        ? StepIdentity.KeyOf(AssignmentReader.ReadTrusted(new RawJson(bytes)), replay: 0)
        : null;

    /// <summary>The facts of a task from columns id, replay, identity, body_hash, alias_of, admitted_at, source, principal, scopes, and the assignment's body.</summary>
    public static TaskInfo InfoOf(SqliteDataReader row)
    {
        var bytes = new RawJson(row.GetFieldValue<byte[]>(9));
        var scopes = Text(row, 8) is { } json ? JsonSerializer.Deserialize(json, LedgerJson.Default.IReadOnlyListString) : null;
        var assignment = AssignmentReader.ReadTrusted(bytes);
        var replay = row.GetInt32(1);
        return TaskInfos.Of(
            assignment, bytes, row.IdentityOf(2, assignment.TenantId, assignment.AssignmentId, replay), row.GetFieldValue<byte[]>(3), row.GetString(6), Text(row, 7), scopes) with
        {
            Id = row.GetInt64(0),
            Replay = replay,
            AliasOf = Number(row, 4),
            AdmittedAt = row.GetInt64(5),
        };
    }

    private static TaskRowState StateOf(SqliteDataReader row) => new(
        (TaskPhase)row.GetInt32(10), Number(row, 11), row.GetInt64(12), row.GetInt64(13), row.GetInt32(14), row.GetInt64(15),
        row.GetInt32(16), row.GetInt64(17), row.GetInt64(24), row.GetBoolean(18), Text(row, 19), Text(row, 20), row.GetBoolean(21), row.GetBoolean(22), row.GetInt64(23));

    private static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static long? Number(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);
}
