using System.Text.Json;
using Beamline.Scheduler.Core;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>Turns a batch of changes into rows. Running the same batch again after a failed commit gives the same rows.</summary>
internal sealed class LedgerWriting(SqliteConnection connection) : IDisposable
{
    private readonly SqliteStatement _insertTask = new(connection, """
        INSERT INTO tasks (id, tenant_id, assignment_id, replay, identity, body_hash, alias_of, type, pool, admitted_at,
            source, principal, scopes,
            state, started_at, queued_at, due, delivery, ran_ms, retries_used, lease, lease_grant, reported, worker, incarnation,
            start_committed, cancel, event_seq, ended_at)
        VALUES (?,?,?,?,?,?,?,?,?,?, ?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?, ?,?,?,?)
        """);

    private readonly SqliteStatement _insertAssignment = new(connection, "INSERT INTO assignments (id, body) VALUES (?,?)");
    private readonly SqliteStatement _insertResult = new(connection, "INSERT INTO results (id, body) VALUES (?,?)");

    private readonly SqliteStatement _updateTask = new(connection, """
        UPDATE tasks SET state=?, started_at=?, queued_at=?, due=?, delivery=?, ran_ms=?, retries_used=?, lease=?, lease_grant=?, reported=?,
            worker=?, incarnation=?, start_committed=?, cancel=?, event_seq=? WHERE id=?
        """);

    private readonly SqliteStatement _endTask = new(connection, """
        UPDATE tasks SET state=?, started_at=?, queued_at=?, due=?, delivery=?, ran_ms=?, retries_used=?, lease=?, lease_grant=?, reported=?,
            worker=?, incarnation=?, start_committed=?, cancel=?, event_seq=?, ended_at=? WHERE id=?
        """);

    private readonly SqliteStatement _insertOutbox = new(connection,
        "INSERT INTO outbox (id, kind, task_id, number, at, dead_letter_id, data) VALUES (?,?,?,?,?,?,?)");

    private readonly SqliteStatement _insertEvent = new(connection,
        "INSERT INTO events (seq, task_id, tenant_id, sequence, type, at, data) VALUES (?,?,?,?,?,?,?)");

    private readonly SqliteStatement _insertDeadLetter = new(connection, """
        INSERT INTO dead_letters (id, task_id, tenant_id, assignment_id, reason, delivery, replay, at, raw)
        VALUES (?,?,?,?,?,?,?,?,?)
        """);

    private readonly SqliteStatement _rememberCancel = new(connection,
        "INSERT OR REPLACE INTO cancels_remembered (tenant_id, assignment_id, reason, requested_by, until) VALUES (?,?,?,?,?)");

    private readonly SqliteStatement _forgetCancel = new(connection,
        "DELETE FROM cancels_remembered WHERE tenant_id=? AND assignment_id=?");

    private readonly SqliteStatement _useCpu = new(connection,
        "INSERT OR REPLACE INTO cpu_used (tenant_id, start, used_ms) VALUES (?,?,?)");

    private readonly SqliteStatement _markReplayed = new(connection,
        "UPDATE dead_letters SET replay_state=2, replayed_as=?, replayed_at=? WHERE id=?");

    private readonly SqliteStatement _deleteOutbox = new(connection, "DELETE FROM outbox WHERE id BETWEEN ? AND ?");
    private readonly SqliteStatement _confirmKeys = new(connection, "UPDATE tasks SET key_confirmed=1 WHERE id BETWEEN ? AND ?");

    public void Apply(ChangeBatch batch)
    {
        foreach (var task in batch.Tasks)
        {
            Write(task);
        }

        foreach (var row in batch.Events)
        {
            Optional(_insertEvent.Add(row.Seq).Add(row.TaskId).Add(row.TenantId).Add(row.Sequence).Add(row.Type).Add(row.At), row.Data?.Utf8).Run();
        }

        foreach (var row in batch.DeadLetters)
        {
            Optional(
                _insertDeadLetter.Add(row.Id).Add(row.TaskId).Add(row.TenantId).Add(row.AssignmentId).Add(row.Reason)
                    .Add(row.Delivery).Add(row.Replay).Add(row.At),
                row.Raw).Run();
        }

        foreach (var row in batch.Outbox)
        {
            Optional(_insertOutbox.Add(row.Id).Add((int)row.Kind).Add(row.TaskId).Add(row.Number).Add(row.At).Add(row.DeadLetter?.Id), row.Data?.Utf8).Run();
        }

        foreach (var mark in batch.Replays)
        {
            _markReplayed.Add(mark.TaskId).Add(mark.At).Add(mark.DeadLetterId).Run();
        }

        foreach (var cancel in batch.CancelsRemembered)
        {
            _rememberCancel.Add(cancel.TenantId).Add(cancel.AssignmentId).Add(cancel.Reason).Add(cancel.RequestedBy).Add(cancel.Until).Run();
        }

        foreach (var use in batch.CpuUsed)
        {
            _useCpu.Add(use.TenantId).Add(use.Start).Add(use.UsedMs).Run();
        }

        foreach (var (tenant, assignment) in batch.CancelsForgotten)
        {
            _forgetCancel.Add(tenant).Add(assignment).Run();
        }
    }

    public void DeleteOutbox(IReadOnlyList<long> ids) => RunForAll(_deleteOutbox, ids);

    public void ConfirmKeys(IReadOnlyList<long> tasks) => RunForAll(_confirmKeys, tasks);

    public void Dispose()
    {
        foreach (var statement in (SqliteStatement[])[_insertTask, _insertAssignment, _insertResult, _updateTask, _endTask, _insertOutbox, _insertEvent,
            _insertDeadLetter, _markReplayed, _rememberCancel, _forgetCancel, _useCpu, _deleteOutbox, _confirmKeys])
        {
            statement.Dispose();
        }
    }

    /// <summary>Runs a statement once for each row of numbers without a gap: what was written together mostly leaves together.</summary>
    private static void RunForAll(SqliteStatement range, IReadOnlyList<long> ids)
    {
        long[] sorted = [.. ids];
        Array.Sort(sorted);
        for (int first = 0, last = 0; first < sorted.Length; first = ++last)
        {
            while (last + 1 < sorted.Length && sorted[last + 1] <= sorted[last] + 1)
            {
                last++;
            }

            range.Add(sorted[first]).Add(sorted[last]).Run();
        }
    }

    private static SqliteStatement Optional(SqliteStatement statement, ReadOnlyMemory<byte>? value) =>
        value is { } bytes ? statement.Add(bytes.Span) : statement.AddNull();

    private static SqliteStatement AddState(SqliteStatement statement, TaskRowState state, TaskEnding? ending) => statement
        .Add((int)state.Phase).Add(state.StartedAt).Add(state.QueuedAt).Add(state.Due).Add(state.Delivery).Add(state.RanMs)
        .Add(state.RetriesUsed).Add(state.Lease).Add(state.Grant).Add(state.Reported).Add(ending?.Worker ?? state.Worker).Add(state.Incarnation)
        .Add(state.StartCommitted).Add(state.CancelRequested).Add(state.EventSequence);

    private void Write(TaskWrite write)
    {
        if (write.Insert)
        {
            Insert(write);
        }
        else if (write.Ending is { } ending)
        {
            AddState(_endTask, write.State, ending).Add(ending.EndedAt).Add(write.Task.Id).Run();
            _insertResult.Add(write.Task.Id).Add(ending.Result.Utf8.Span).Run();
        }
        else
        {
            AddState(_updateTask, write.State, null).Add(write.Task.Id).Run();
        }
    }

    private void Insert(TaskWrite write)
    {
        var task = write.Task;
        _insertTask.Add(task.Id).Add(task.TenantId).Add(task.AssignmentId).Add(task.Replay).Add(LedgerIdentity.ToColumn(task)).Add(task.BodyHash)
            .Add(task.AliasOf).Add(task.Type).Add(task.Pool).Add(task.AdmittedAt).Add(task.Source).Add(task.Principal)
            .Add(task.Scopes is null ? null : JsonSerializer.Serialize(task.Scopes, LedgerJson.Default.IReadOnlyListString));
        AddState(_insertTask, write.State, write.Ending);
        _insertTask.Add(write.Ending?.EndedAt).Run();
        _insertAssignment.Add(task.Id).Add(task.Bytes.Utf8.Span).Run();
        if (write.Ending is { } ending)
        {
            _insertResult.Add(task.Id).Add(ending.Result.Utf8.Span).Run();
        }
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class LedgerJson : System.Text.Json.Serialization.JsonSerializerContext;
