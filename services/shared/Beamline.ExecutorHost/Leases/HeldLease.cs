using Beamline.Contracts.Assignments;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Running;

namespace Beamline.ExecutorHost.Leases;

internal enum LeasePhase
{
    /// <summary>Received, no slot yet.</summary>
    Waiting,

    /// <summary>Has its slots; the scheduler has still to commit the start (at_most_once).</summary>
    Starting,
    Running,

    /// <summary>Its report waits for the scheduler's word.</summary>
    Ended,

    /// <summary>No longer ours, or reported without its block: what the block still returns is dropped.</summary>
    Gone,
}

/// <summary>
/// One lease from its arrival until its report is accepted. Owned by <see cref="LeaseBook"/>: everything that changes is guarded by
/// the book's lock. Times are the book's monotonic clock.
/// </summary>
internal sealed class HeldLease(Lease wire, ExecAssignment assignment, EffectiveJob job, TimeSpan arrivedAt)
{
    private int _counted;

    public Lease Wire => wire;
    public long Number => wire.Number;
    public ExecAssignment Assignment => assignment;
    public EffectiveJob Job => job;
    public TimeSpan ArrivedAt => arrivedAt;

    /// <summary>Slots that it takes: never more than the worker has, or it could never start.</summary>
    public required int Slots { get; init; }
    public LeasePhase Phase { get; set; }

    /// <summary>When the worker itself counts the lease as lost: two seconds before the scheduler may.</summary>
    public TimeSpan LostAt { get; set; }
    public TimeSpan StartedAt { get; set; }

    /// <summary>When the total run time is over.</summary>
    public TimeSpan EndsAt { get; set; }
    public TimeSpan AttemptEndsAt { get; set; } = TimeSpan.MaxValue;

    /// <summary>Why the step has to stop; the first cause stays, but that a lost lease outranks the others.</summary>
    public StopCause Stop { get; set; }
    public bool AttemptTimedOut { get; set; }

    /// <summary>The CPU time of the attempt while it computes on its thread; set by the runner, read by the watch.</summary>
    public CpuMeter? Cpu { get; set; }

    /// <summary>When the token fired that the block has not answered yet; after the grace it is stuck.</summary>
    public TimeSpan? StoppedAt { get; set; }

    /// <summary>
    /// The running attempt's. Never disposed, since the book may be cancelling it while the attempt ends: without a timer or a wait
    /// handle there is nothing in it to release.
    /// </summary>
    public CancellationTokenSource? Attempt { get; set; }
    public int RetriesUsed { get; set; } = wire.RetriesUsed;
    public LeaseReport? Report { get; set; }
    public LeaseProgress? Progress { get; set; }
    public int ReportBytes { get; set; }

    /// <summary>True for the first who asks: a step is counted once, by its runner or, when its block does not come back, without it.</summary>
    public bool CountOnce() => Interlocked.Exchange(ref _counted, 1) == 0;

    /// <summary>True once the block's slot was given up because it ignored its token.</summary>
    public bool Stuck { get; set; }
}
