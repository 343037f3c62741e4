namespace Beamline.Simulation;

/// <summary>What is still to happen, in the order of its times; at the same time first come, first served. The only clock of a simulation.</summary>
internal sealed class Agenda
{
    public const long Start = 1_750_000_000_000;
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private long _order;

    /// <summary>Unix milliseconds.</summary>
    public long Now { get; private set; } = Start;

    /// <summary>Milliseconds since the start.</summary>
    public long Elapsed => Now - Start;

    public void After(long delayMs, Action what) => _events.Enqueue(what, (Now + delayMs, ++_order));

    /// <summary>Lets the next thing happen; false when nothing is left.</summary>
    public bool Step()
    {
        if (!_events.TryDequeue(out var next, out var key))
        {
            return false;
        }

        Now = key.At;
        next();
        return true;
    }
}
