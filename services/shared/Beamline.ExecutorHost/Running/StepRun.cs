using Beamline.Contracts.Json;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Leases;

namespace Beamline.ExecutorHost.Running;

/// <summary>A step while it runs here: what the block may tell and ask, and what it has used.</summary>
internal sealed class StepRun(HeldLease lease, LeaseBook book) : IProgress<RawJson>
{
    public HeldLease Lease => lease;

    /// <summary>Why it was stopped from outside, if it was.</summary>
    public StopCause StoppedBy { get; set; }

    public Usage Used { get; private set; } = new(0, 0);

    /// <summary>Since its start under this lease.</summary>
    public TimeSpan Ran => book.Now - lease.StartedAt;

    /// <summary>Until the total run time is over.</summary>
    public TimeSpan TimeLeft => lease.EndsAt - book.Now;

    public TimeSpan AttemptTimeLeft => (lease.AttemptEndsAt < lease.EndsAt ? lease.AttemptEndsAt : lease.EndsAt) - book.Now;

    public void Use(Usage usage) => Used = Used.Plus(usage);

    public void Report(RawJson value) => book.Progress(lease, value);

    public StopCause ReadCause() => book.CauseOf(lease);
}
