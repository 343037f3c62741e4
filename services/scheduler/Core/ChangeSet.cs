using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Core;

/// <summary>Where a task stood when its batch was taken: one row of the ledger's.</summary>
internal readonly record struct TaskRowState(
    TaskPhase Phase,
    long? StartedAt,
    long QueuedAt,
    long Due,
    int Delivery,
    long RanMs,
    int RetriesUsed,
    long Lease,
    long Grant,
    bool Reported,
    string? Worker,
    string? Incarnation,
    bool StartCommitted,
    bool CancelRequested,
    long EventSequence);

/// <summary>One task to insert or to bring up to date.</summary>
internal sealed record TaskWrite(TaskInfo Task, bool Insert, TaskRowState State, TaskEnding? Ending);

/// <summary>A cancellation of something not yet admitted.</summary>
internal sealed record RememberedCancel(string TenantId, string AssignmentId, string? Reason, string? RequestedBy, long Until);

/// <summary>What a tenant with a limit on it has used of CPU time in one slot of the window, in milliseconds.</summary>
internal readonly record struct CpuUse(string TenantId, long Start, long UsedMs);

/// <summary>A sealed batch of changes: applied in one transaction, as often as it takes.</summary>
internal sealed record ChangeBatch(
    IReadOnlyList<TaskWrite> Tasks,
    IReadOnlyList<EventRow> Events,
    IReadOnlyList<OutboxRow> Outbox,
    IReadOnlyList<DeadLetterRow> DeadLetters,
    IReadOnlyList<TaskEnding> Endings,
    IReadOnlyList<RememberedCancel> CancelsRemembered,
    IReadOnlyList<(string TenantId, string AssignmentId)> CancelsForgotten,
    IReadOnlyCollection<CpuUse> CpuUsed)
{
    /// <summary>Dead letters whose replays are among the tasks.</summary>
    public IReadOnlyList<ReplayMark> Replays { get; init; } = [];

    public bool IsEmpty => Tasks.Count == 0 && Events.Count == 0 && Outbox.Count == 0 && DeadLetters.Count == 0
        && CancelsRemembered.Count == 0 && CancelsForgotten.Count == 0 && CpuUsed.Count == 0;
}

/// <summary>
/// What changed since the last batch was taken. Tasks are only marked here and copied when the batch is sealed, so a task
/// that was admitted, leased and ended in between costs one row.
/// </summary>
internal sealed class ChangeSet
{
    private readonly List<TaskEntry> _dirty = [];
    private readonly List<EventRow> _events = [];
    private readonly List<OutboxRow> _outbox = [];
    private readonly List<DeadLetterRow> _deadLetters = [];
    private readonly List<TaskEnding> _endings = [];
    private readonly List<RememberedCancel> _remembered = [];
    private readonly List<(string, string)> _forgotten = [];
    private readonly Dictionary<(string, long), CpuUse> _cpuUsed = [];
    private readonly List<ReplayMark> _replays = [];

    public bool IsEmpty => _dirty.Count == 0 && _events.Count == 0 && _outbox.Count == 0 && _deadLetters.Count == 0
        && _remembered.Count == 0 && _forgotten.Count == 0 && _cpuUsed.Count == 0;

    public void Touch(TaskEntry entry)
    {
        if (!entry.Dirty)
        {
            entry.Dirty = true;
            _dirty.Add(entry);
        }
    }

    public void Add(EventRow row) => _events.Add(row);

    public void Add(OutboxRow row) => _outbox.Add(row);

    public void Add(DeadLetterRow row) => _deadLetters.Add(row);

    public void Add(TaskEnding ending) => _endings.Add(ending);

    /// <summary>Beside the row that it names, which makes the batch one that is not empty.</summary>
    public void Add(ReplayMark mark) => _replays.Add(mark);

    public void Remember(RememberedCancel cancel) => _remembered.Add(cancel);

    public void Forget(string tenantId, string assignmentId) => _forgotten.Add((tenantId, assignmentId));

    /// <summary>The last word on a slot counts.</summary>
    public void Add(CpuUse use) => _cpuUsed[(use.TenantId, use.Start)] = use;

    /// <summary>The batch, and an empty set again.</summary>
    /// <param name="keepParsed">False: tasks new in it keep their assignment as bytes only; whoever gets the batch has the parsed one.</param>
    public ChangeBatch Seal(bool keepParsed)
    {
        var tasks = new TaskWrite[_dirty.Count];
        for (var i = 0; i < tasks.Length; i++)
        {
            var entry = _dirty[i];
            tasks[i] = new TaskWrite(entry.Info, !entry.Stored, StateOf(entry), entry.Ending);
            if (!keepParsed && !entry.Stored && entry.Phase != TaskPhase.Running)
            {
                entry.Info = entry.Info.Light();
            }

            entry.Dirty = false;
            entry.Stored = true;
        }

        var batch = new ChangeBatch(tasks, [.. _events], [.. _outbox], [.. _deadLetters], [.. _endings], [.. _remembered], [.. _forgotten], [.. _cpuUsed.Values]) { Replays = [.. _replays] };
        _dirty.Clear();
        _events.Clear();
        _outbox.Clear();
        _deadLetters.Clear();
        _endings.Clear();
        _remembered.Clear();
        _forgotten.Clear();
        _cpuUsed.Clear();
        _replays.Clear();
        return batch;
    }

    private static TaskRowState StateOf(TaskEntry entry) => new(
        entry.Phase, entry.StartedAt, entry.QueuedAt, entry.Due, entry.Delivery, entry.RanMs, entry.RetriesUsed, entry.Lease,
        entry.Grant.ToNumber(), entry.Reported, entry.Worker?.Name, entry.Worker?.Incarnation, entry.StartCommitted, entry.CancelRequested, entry.EventSequence);
}
