namespace Beamline.Scheduler.Intake;

/// <summary>Section <c>Intake</c>.</summary>
internal sealed class IntakeOptions
{
    public const string Section = "Intake";

    /// <summary>
    /// Subscriptions to the assignments' subject, each with one message in hand: so many assignments share a commit. As many
    /// components <c>beamline-assign-01</c> and so on must exist. 0: this scheduler takes nothing from the bus.
    /// </summary>
    public int Lanes { get; set; } = 8;
}
