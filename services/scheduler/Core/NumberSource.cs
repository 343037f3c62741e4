namespace Beamline.Scheduler.Core;

/// <summary>
/// Every number that the ledger hands out. Each start of a scheduler has an epoch of its own, which is the upper part of all
/// of them: they rise over the ledger's life without reading the last one used, and a lease of an earlier writer shows.
/// </summary>
internal sealed class NumberSource
{
    /// <summary>Numbers stay below 2^53, so that every JSON reader keeps them exact.</summary>
    public const long MaxEpoch = (1L << 21) - 1;

    private readonly long _base;
    private long _task;
    private long _lease;
    private long _event;
    private long _outbox;
    private long _deadLetter;

    public NumberSource(long epoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epoch, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(epoch, MaxEpoch);
        _base = epoch << 32;
    }

    public long NextTask() => _base + ++_task;

    public long NextLease() => _base + ++_lease;

    public long NextEvent() => _base + ++_event;

    public long NextOutbox() => _base + ++_outbox;

    public long NextDeadLetter() => _base + ++_deadLetter;
}
