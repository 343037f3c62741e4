using Beamline.Scheduler.Core;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>
/// Removes rows that nobody needs any more: ended, key confirmed, messages and events published, no dead letter that tells of
/// them (of their failure or of their replay, their own or that of the step which they are an alias of), old enough. Of an
/// assignment's replays the newest stands for it, so it goes last.
/// </summary>
internal static class LedgerPurge
{
    public static IReadOnlyList<(long TaskId, TaskKeys Keys)> Run(SqliteConnection connection, SqliteTransaction transaction, long endedBefore, int limit)
    {
        // Row ids rise with time, so the oldest are found first and the scan stops at the limit.
        var select = connection.Prepared(
            $"""
            SELECT id, identity, tenant_id, assignment_id, replay, {LedgerRestoring.AssignmentOfReplay} FROM tasks
            WHERE state >= 10 AND key_confirmed = 1 AND ended_at < $before
                AND id NOT IN (SELECT task_id FROM outbox WHERE task_id IS NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.task_id = tasks.id OR d.task_id = tasks.alias_of)
                AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.replayed_as = tasks.id OR d.replayed_as = tasks.alias_of)
                AND (replay = 0 OR NOT EXISTS (SELECT 1 FROM tasks o
                    WHERE o.tenant_id = tasks.tenant_id AND o.assignment_id = tasks.assignment_id AND o.replay < tasks.replay))
                AND NOT EXISTS (SELECT 1 FROM events e WHERE e.task_id = tasks.id AND e.seq > (SELECT value FROM meta WHERE name = 'events_published'))
            ORDER BY id LIMIT $limit
            """,
            transaction).Bind("$before", endedBefore).Bind("$limit", limit);
        // No window is longer than a day.
        connection.Prepared("DELETE FROM cpu_used WHERE start < $before - 172800000", transaction).Bind("$before", endedBefore).ExecuteNonQuery();
        var purged = new List<(long, TaskKeys)>();
        using (var row = select.ExecuteReader())
        {
            while (row.Read())
            {
                purged.Add((row.GetInt64(0), LedgerRestoring.KeysOf(row, row.GetInt32(4), 5)));
            }
        }

        foreach (var (id, _) in purged)
        {
            connection.Prepared("DELETE FROM events WHERE task_id = $id", transaction).Bind("$id", id).ExecuteNonQuery();
            connection.Prepared("DELETE FROM assignments WHERE id = $id", transaction).Bind("$id", id).ExecuteNonQuery();
            connection.Prepared("DELETE FROM results WHERE id = $id", transaction).Bind("$id", id).ExecuteNonQuery();
            connection.Prepared("DELETE FROM tasks WHERE id = $id", transaction).Bind("$id", id).ExecuteNonQuery();
        }

        return purged;
    }
}
