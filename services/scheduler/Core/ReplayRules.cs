using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core;

/// <summary>
/// How a dead-lettered step runs again: as a new row with the same bytes and rights and the next replay ordinal, which from then on
/// stands for its assignment and its step. Belongs to the core.
/// </summary>
internal sealed class ReplayRules(TaskTable table, TenantRegistry tenants, TaskLife life, ChangeSet changes, NumberSource numbers)
{
    /// <summary>Why it may not run again; null when it may.</summary>
    public ReplayVerdict? Forbids(long now, ReplaySource source) =>
        !IsNewest(source.Row.Task) ? ReplayVerdict.Superseded
        : source.Row.Task.Assignment.ExpiresAt <= now ? ReplayVerdict.Expired
        : null;

    public ReplayVerdict Admit(long now, ReplaySource source)
    {
        var entry = Open(now, source.Row, aliasOf: null);
        foreach (var ended in source.Aliases)
        {
            // Whoever submitted the alias was told of a failure, and is told of the new end as well.
            if (IsNewest(ended.Task))
            {
                var alias = Open(now, ended, entry.Info.Id);
                entry.AddAlias(alias);
                life.Replay(now, alias, EventOf(source, alias.Info));
            }
        }

        life.Replay(now, entry, EventOf(source, entry.Info));
        changes.Add(new ReplayMark(source.DeadLetterId, entry.Info.Id, now));
        return ReplayVerdict.Replayed;
    }

    /// <summary>Ended, and no later replay: what makes a second replay of the same row impossible, whoever asks.</summary>
    private bool IsNewest(TaskInfo task) => table.Find(task.Id) is null && table.Index.ByAssignment(TaskKeys.Of(task)) == task.Id;

    private TaskEntry Open(long now, EndedRow ended, long? aliasOf)
    {
        var replay = ended.Task.Replay + 1;
        var entry = new TaskEntry(ended.Task with
        {
            Id = numbers.NextTask(),
            Replay = replay,
            Identity = StepIdentity.KeyOf(ended.Task.Assignment, replay),
            AliasOf = aliasOf,
            AdmittedAt = now,
        }, tenants.StateOf(ended.Task.TenantId, now))
        {
            EventSequence = ended.EventSequence,
        };
        table.Add(entry, TaskKeys.Of(entry.Info));
        return entry;
    }

    private static RawJson EventOf(ReplaySource source, TaskInfo task) => EventData.Of(
        ("replay", task.Replay),
        ("replay_id", RowNames.Replay(source.Order.Id)),
        ("dead_letter_id", RowNames.DeadLetter(source.DeadLetterId)),
        ("by", source.Order.RequestedBy),
        ("why", source.Order.Comment));
}
