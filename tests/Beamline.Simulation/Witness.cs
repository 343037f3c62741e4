using Beamline.Scheduler.Core;

namespace Beamline.Simulation;

/// <summary>
/// Looks on and judges. Between <see cref="Queued"/> and <see cref="Leased"/>, <see cref="Unqueued"/> or <see cref="Forget"/> a
/// task may be given out; a lease lasts from <see cref="Leased"/> to <see cref="Released"/> or <see cref="Forget"/>. All of
/// these follow decisions as they fall, before they are committed.
/// </summary>
internal abstract class Witness
{
    private const int MostKept = 10;
    private readonly List<string> _faults = [];

    /// <summary>What was seen that must not be; the first few.</summary>
    public IReadOnlyList<string> Faults => _faults;
    public int FaultCount { get; private set; }

    /// <summary>Before anything happens.</summary>
    public virtual void Enter(Simulation simulation)
    {
    }

    public virtual void Queued(long now, SimTask task)
    {
    }

    public virtual void Unqueued(long now, SimTask task)
    {
    }

    public virtual void Leased(long now, SimTask task)
    {
    }

    /// <param name="now">Now.</param>
    /// <param name="task">Whose lease is over.</param>
    /// <param name="reported">By its worker's word.</param>
    /// <param name="ranMs">Run time over all its leases, as the scheduler knows it.</param>
    public virtual void Released(long now, SimTask task, bool reported, long ranMs)
    {
    }

    /// <summary>Decided to have ended.</summary>
    public virtual void Closed(long now, SimTask task)
    {
    }

    /// <summary>All decisions of a call have been told.</summary>
    public virtual void Settled(long now)
    {
    }

    /// <summary>The scheduler has died: leases and queue are told anew as its successor reads them from the ledger.</summary>
    public virtual void Forget(long now)
    {
    }

    /// <summary>An ending was committed.</summary>
    public virtual void Ended(long now, TaskEnding ending)
    {
    }

    /// <summary>A worker begins to run the step.</summary>
    public virtual void Ran(long now, SimTask task, string worker)
    {
    }

    /// <summary>The simulation is over.</summary>
    public virtual void Finish(long now)
    {
    }

    public void Fail(string fault)
    {
        FaultCount++;
        if (_faults.Count < MostKept)
        {
            _faults.Add(fault);
        }
    }
}
