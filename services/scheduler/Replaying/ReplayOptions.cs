namespace Beamline.Scheduler.Replaying;

/// <summary>Section <c>Replay</c>: how dead letters are replayed.</summary>
internal sealed class ReplayOptions
{
    public const string Section = "Replay";

    /// <summary>Replays a second of a request that names no rate.</summary>
    public double DefaultRate { get; set; } = 10;

    /// <summary>The highest rate that a request may ask for.</summary>
    public double MaxRate { get; set; } = 100;

    /// <summary>Dead letters of a request that names no maximum.</summary>
    public int DefaultLetters { get; set; } = 1_000;

    /// <summary>The largest maximum that a request may ask for.</summary>
    public int MaxLetters { get; set; } = 10_000;

    /// <summary>How often one assignment may be replayed; then it is to be submitted anew, under another id.</summary>
    public int MaxReplays { get; set; } = 10;

    /// <summary>Assignments that a step was also submitted as, and that are told of a replay's end too. Those beyond it keep the end they were told.</summary>
    public int MaxAliases { get; set; } = 100;

    /// <summary>Requests of one tenant with dead letters that still wait; the next is answered 2004.</summary>
    public int MaxWaitingPerTenant { get; set; } = 16;

    /// <summary>The same over all tenants; the next is answered 4002. Each costs a look at the ledger a turn.</summary>
    public int MaxWaiting { get; set; } = 256;

    /// <summary>The time between two turns while dead letters wait: with the rate it says how many go at once.</summary>
    public TimeSpan Every { get; set; } = TimeSpan.FromMilliseconds(100);
}
