using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core.Fairness;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core;

/// <summary>An open task: its facts and where it stands now. Owned by the core; touched only under the engine's lock.</summary>
internal sealed class TaskEntry(TaskInfo info, TenantState tenant)
{
    public TaskInfo Info { get; set; } = info;
    public TenantState Tenant { get; } = tenant;

    // What a choice looks at of tasks that it does not take: here, so that their facts stay out of the cache.
    public long Id { get; } = info.Id;
    public int Priority { get; } = Math.Clamp(info.Priority, 0, 9);
    public int Slots { get; } = info.Slots;

    /// <summary>Its place in the queue among all of its tenant's tasks; smaller goes first. Set when it is queued.</summary>
    public long QueueKey { get; set; }
    public TaskPhase Phase { get; set; }

    /// <summary>1 + leases that ended without a report or a hand-back.</summary>
    public int Delivery { get; set; } = 1;

    /// <summary>One more lost worker, and it is given up.</summary>
    public bool IsLastChance { get; set; }
    public long RanMs { get; set; }
    public int RetriesUsed { get; set; }
    public long? StartedAt { get; set; }
    public long EventSequence { get; set; }

    /// <summary>When it came into the queue: decides its place, and is kept when it comes back uncounted.</summary>
    public long QueuedAt { get; set; }

    /// <summary>Queued: when the queue timeout strikes. Parked: when it goes back to the queue. Waits for a person: until when.</summary>
    public long Due { get; set; }

    /// <summary>The last lease granted, in force while <see cref="Phase"/> is Running.</summary>
    public long Lease { get; set; }

    /// <summary>The last lease ended by a report that was committed: the same report again is accepted again.</summary>
    public bool Reported { get; set; }
    public WorkerState? Worker { get; set; }
    public long TermEnd { get; set; }

    /// <summary>The answer that granted the lease: a call that has seen it and does not list the lease never received it.</summary>
    public LeaseGrant Grant { get; set; }

    /// <summary>The worker has listed the lease: from now on leaving it out is no innocent loss.</summary>
    public bool Listed { get; set; }

    /// <summary>A `started` event was written for the lease in force.</summary>
    public bool StartTold { get; set; }
    public bool StartCommitted { get; set; }
    public bool CancelRequested { get; set; }
    public bool CancelTold { get; set; }

    public List<TaskEntry>? Aliases { get; private set; }
    public List<string>? Watchers { get; set; }

    /// <summary>Changed since the last batch was taken; see <see cref="ChangeSet"/>.</summary>
    public bool Dirty { get; set; }

    /// <summary>Its row has been inserted, in an earlier batch.</summary>
    public bool Stored { get; set; }
    public TaskEnding? Ending { get; set; }

    /// <summary>What its tenant was charged for the lease in force, in milliseconds × slots.</summary>
    public double Charged { get; set; }

    /// <summary>The line in which it was charged.</summary>
    public WorkerLine? ChargedIn { get; set; }

    /// <summary>When the lease in force was granted, and what the task had run by then.</summary>
    public long GrantedAt { get; set; }
    public long RanBefore { get; set; }

    /// <summary>How often others were given out in its turn because it did not fit.</summary>
    public int PassedOver { get; set; }

    /// <summary>The worker that is kept free for it.</summary>
    public WorkerState? ReservedOn { get; set; }

    // Places among its tenant's and its key's leases; negative: none.
    public int RunningPlace { get; set; } = -1;
    public int KeyPlace { get; set; }
    public KeyState? Key { get; set; }

    // Places among the timers and in the queue, kept here so that leaving either needs no search.
    public long TimerDue { get; set; }
    public int TimerSlot { get; set; } = -1;
    public TaskEntry? TimerBefore { get; set; }
    public TaskEntry? TimerAfter { get; set; }
    public bool HasTimer => TimerSlot >= 0;
    public KeyGroup? Group { get; set; }
    public TaskEntry? QueueBefore { get; set; }
    public TaskEntry? QueueAfter { get; set; }

    /// <summary>Queued, and no limit of its tenant or its key stands against it.</summary>
    public bool MayStart => Group is { Key: null or { IsHeld: false } } && !Tenant.IsHeld && Tenant.HasMemoryFor(this);

    /// <summary>Those that have ended already (each was cancelled) make room, so that the list grows with the open ones only.</summary>
    public void AddAlias(TaskEntry alias)
    {
        Aliases ??= [];
        if (Aliases.Count == Aliases.Capacity && Aliases.RemoveAll(a => a.Phase.IsFinal()) is var ended && ended < Aliases.Count)
        {
            Aliases.EnsureCapacity(2 * (Aliases.Count + 1));
        }

        Aliases.Add(alias);
    }

    public void DropAliases() => Aliases = null;

    public bool MayNoLongerStart(long now) => now >= Info.ExpiresAt;
}

/// <summary>Which answer granted a lease.</summary>
internal readonly record struct LeaseGrant(ChannelKind Channel, long Seq)
{
    /// <summary>The caller has had that answer, or can no longer take it: it goes by the one it got for the same seq or a later one.</summary>
    public bool IsSettledFor(SeenSeqs seen) => Seq <= (Channel == ChannelKind.Work ? seen.Work : seen.Report);

    /// <summary>One number, as the ledger keeps it.</summary>
    public long ToNumber() => (Seq << 1) | (long)Channel;

    public static LeaseGrant Of(long number) => new((ChannelKind)(number & 1), number >> 1);
}

/// <summary>The two channels of a worker; the numbers index arrays.</summary>
internal enum ChannelKind
{
    Work = 0,
    Report = 1,
}
