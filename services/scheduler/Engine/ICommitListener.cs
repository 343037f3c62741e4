using Beamline.Scheduler.Core;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Engine;

/// <summary>
/// Told of each commit, in commit order, outside the engine's lock, on the commit loop: it must not block or throw.
/// What it cannot take it reads from the ledger later.
/// </summary>
public interface ICommitListener
{
    void OnCommitted(CommittedBatch batch);
}

/// <summary>What one commit brought.</summary>
public sealed record CommittedBatch
{
    public required IReadOnlyList<OutboxRow> Outbox { get; init; }

    /// <summary>Tasks that ended: results for their watchers, and keys that are now due in the state store.</summary>
    public required IReadOnlyList<TaskEnding> Endings { get; init; }
    public required IReadOnlyList<EventRow> Events { get; init; }
}
