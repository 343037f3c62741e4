namespace Beamline.Scheduler.Core.Fairness;

/// <summary>
/// Where a tenant starts that begins to wait in these lines: where the one that is least far on is now, so that none of them makes it
/// wait for what it was not there to get. Lines in which nobody waits do not count beside others: their time has stood still.
/// </summary>
internal struct LinesTime
{
    private double? _waitedFor;
    private double? _idle;

    /// <summary>Zero without any line.</summary>
    public readonly double Value => _waitedFor ?? _idle ?? 0;

    public void Add(WorkerLine line)
    {
        // Asking who is first brings the line's time up to those who wait in it.
        if (line.First() is not null)
        {
            _waitedFor = Math.Min(_waitedFor ?? double.MaxValue, line.VirtualTime);
        }
        else
        {
            _idle = Math.Max(_idle ?? 0, line.VirtualTime);
        }
    }
}
