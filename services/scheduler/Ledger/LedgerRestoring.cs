using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>Reads rows back into the core's own terms.</summary>
internal static class LedgerRestoring
{
    private const int RowsAtOnce = 4_096;

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
        // Rows come one by one; reading their assignments is the work, and goes over all cores, a part of the rows at a time.
        var tasks = new List<RestoredTask>();
        var part = new List<(TaskRow Row, TaskRowState State)>(RowsAtOnce);
        using var row = command.ExecuteReader();
        for (var more = row.Read(); more; )
        {
            part.Add((TaskRow.Of(row), StateOf(row)));
            more = row.Read();
            if (part.Count == RowsAtOnce || !more)
            {
                var (from, read) = (tasks.Count, new RestoredTask[part.Count]);
                Parallel.For(0, read.Length, i =>
                {
                    var info = part[i].Row.ToInfo();
                    read[i] = new RestoredTask(from + i < SchedulingCore.KeptParsed ? info : info.Light(), part[i].State);
                });
                tasks.AddRange(read);
                part.Clear();
            }
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
    public static TaskInfo InfoOf(SqliteDataReader row) => TaskRow.Of(row).ToInfo();

    private static TaskRowState StateOf(SqliteDataReader row) => new(
        (TaskPhase)row.GetInt32(10), Number(row, 11), row.GetInt64(12), row.GetInt64(13), row.GetInt32(14), row.GetInt64(15),
        row.GetInt32(16), row.GetInt64(17), row.GetInt64(24), row.GetBoolean(18), Text(row, 19), Text(row, 20), row.GetBoolean(21), row.GetBoolean(22), row.GetInt64(23));

    private static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static long? Number(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);
}

/// <summary>The columns of a task that say what it is, as they stand in the ledger.</summary>
internal readonly record struct TaskRow(
    long Id, int Replay, byte[] Identity, byte[] BodyHash, long? AliasOf, long AdmittedAt, string Source, string? Principal, string? Scopes, byte[] Assignment)
{
    /// <summary>From columns id, replay, identity, body_hash, alias_of, admitted_at, source, principal, scopes, and the assignment's body.</summary>
    public static TaskRow Of(SqliteDataReader row) => new(
        row.GetInt64(0), row.GetInt32(1), row.GetFieldValue<byte[]>(2), row.GetFieldValue<byte[]>(3), row.NumberOrNull(4), row.GetInt64(5),
        row.GetString(6), row.TextOrNull(7), row.TextOrNull(8), row.GetFieldValue<byte[]>(9));

    public TaskInfo ToInfo()
    {
        var bytes = new RawJson(Assignment);
        var scopes = Scopes is null ? null : JsonSerializer.Deserialize(Scopes, LedgerJson.Default.IReadOnlyListString);
        var assignment = AssignmentReader.ReadTrusted(bytes);
        var identity = LedgerIdentity.FromColumn(Identity, assignment.TenantId, assignment.AssignmentId, Replay);
        return TaskInfos.Of(assignment, bytes, identity, BodyHash, Source, Principal, scopes) with { Id = Id, Replay = Replay, AliasOf = AliasOf, AdmittedAt = AdmittedAt };
    }
}
