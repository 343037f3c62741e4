namespace Beamline.Scheduler.Events;

/// <summary>Which of a tenant's events go to the bus. All of them stay readable over HTTP.</summary>
internal enum EventPolicy
{
    All,

    /// <summary>Only those that say how a task ended.</summary>
    Final,
    Off,
}

/// <summary>Section <c>Events</c>.</summary>
internal sealed class EventOptions
{
    public const string Section = "Events";

    public EventPolicy Default { get; set; } = EventPolicy.All;

    /// <summary>Tenants that differ from <see cref="Default"/>, by id.</summary>
    public Dictionary<string, EventPolicy> Tenants { get; set; } = new(StringComparer.Ordinal);

    /// <summary>How long a tenant's events are gathered for one message.</summary>
    public TimeSpan GatherFor { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Events in one message.</summary>
    public int PackEvents { get; set; } = 100;

    /// <summary>Bytes of event data in one message.</summary>
    public int PackBytes { get; set; } = 256 * 1024;

    /// <summary>Events kept in memory. Beyond it they wait in the ledger, and are read from there.</summary>
    public int BufferedEvents { get; set; } = 16_384;

    /// <summary>How often the ledger is told how far publishing has come; after a crash what came later is published again.</summary>
    public TimeSpan SaveCursorEvery { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Failures, while other messages went through, after which an event alone in its message is given up on the bus (it stays in the ledger).</summary>
    public int GiveUpAfter { get; set; } = 8;

    public EventPolicy PolicyOf(string tenantId) => Tenants.GetValueOrDefault(tenantId, Default);
}
