namespace Beamline.Scheduler.Lanes;

/// <summary>How rows leave the ledger. Sections <c>Outbox</c> (bus) and <c>Identity:Writing</c> (state store).</summary>
internal sealed class LaneOptions
{
    /// <summary>Rows in one batch; more gains nothing and costs more to repeat.</summary>
    public int BatchRows { get; set; } = 256;

    /// <summary>Bytes in one batch: base64 makes a third more of them, and a request is to stay below 2 MiB.</summary>
    public int BatchBytes { get; set; } = 1_500_000;

    /// <summary>Rows that a lane keeps in memory. Beyond it they wait in the ledger, and are read from there.</summary>
    public int BufferedRows { get; set; } = 4_096;

    /// <summary>Bytes that a lane keeps in memory, likewise.</summary>
    public int BufferedBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>The pause after a first failure; doubled with each further one.</summary>
    public TimeSpan FirstRetry { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest pause between two probes of what is away.</summary>
    public TimeSpan LongestRetry { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a row that failed while others went through is put aside; doubled with each failure.</summary>
    public TimeSpan FirstPark { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest such time.</summary>
    public TimeSpan LongestPark { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Rows put aside at most; further ones stay in the ledger until the next start.</summary>
    public int ParkedRows { get; set; } = 1_024;

    /// <summary>
    /// The pause after a batch that left nothing behind, for what nobody waits for: fewer and larger transactions. Zero: none.
    /// </summary>
    public TimeSpan Gather { get; set; } = TimeSpan.Zero;

    /// <summary>How long finished rows are gathered before one transaction takes them out; a crash meanwhile sends them again. Zero: each batch at once.</summary>
    public TimeSpan GatherFinished { get; set; } = TimeSpan.FromMilliseconds(50);
}
