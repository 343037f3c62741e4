namespace Beamline.Scheduler.Engine;

/// <summary>Section <c>Engine</c>.</summary>
public sealed class EngineOptions
{
    /// <summary>A live scheduler answers an admission within this, refusing if need be: the gateway falls back to the bus after 2 s.</summary>
    public TimeSpan AdmitWithin { get; set; } = TimeSpan.FromSeconds(1.2);

    /// <summary>How often time is looked at: the precision of terms, timeouts and parked tasks.</summary>
    public TimeSpan TickEvery { get; set; } = TimeSpan.FromMilliseconds(25);


    /// <summary>Setting <c>Contract:EmitOutputs</c>: repeat a result under <c>outputs</c>, for readers of the older form.</summary>
    public bool EmitOutputs { get; set; } = true;
}
