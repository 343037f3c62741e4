namespace Beamline.Scheduler.Identity;

/// <summary>Section <c>Identity</c>; how keys are written is <c>Identity:Writing</c> (<see cref="Lanes.LaneOptions"/>).</summary>
internal sealed class IdentityOptions
{
    public const string Section = "Identity";
    public const string WritingSection = "Identity:Writing";

    public const string Refuse = "refuse";
    public const string LedgerOnly = "ledger-only";

    /// <summary>
    /// What admission does while the state store is away. <c>refuse</c>: it decides nothing (503, or the message stays on the bus).
    /// <c>ledger-only</c>: it goes on with what the ledger holds, so a step that ended long ago may run a second time; the log says so.
    /// </summary>
    public string WhenStateAway { get; set; } = Refuse;

    /// <summary>The longest that a lookup may take, waiting for the one before included. Admission must answer within 1.5 s.</summary>
    public TimeSpan LookupTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Keys in one bulk get. Lookups beyond what the next call takes are answered as unavailable at once.</summary>
    public int LookupKeys { get; set; } = 4_000;

    /// <summary>How long the state store remembers a step.</summary>
    public TimeSpan RememberFor { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Results above this lie under a key of their own.</summary>
    public int InlineResultBytes { get; set; } = 16 * 1024;
}
