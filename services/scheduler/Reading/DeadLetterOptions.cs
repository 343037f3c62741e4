namespace Beamline.Scheduler.Reading;

/// <summary>Section <c>DeadLetters</c>.</summary>
internal sealed class DeadLetterOptions
{
    public const string Section = "DeadLetters";

    /// <summary>
    /// The tenant that also sees the dead letters of which no tenant could be read. They may hold anybody's data: no tenant sees
    /// them unless it is named here.
    /// </summary>
    public string? OperatorTenant { get; set; }

    public bool IsOperator(string tenantId) => OperatorTenant == tenantId;
}
