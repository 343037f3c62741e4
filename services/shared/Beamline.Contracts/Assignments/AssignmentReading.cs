using System.Text.Json;
using Beamline.Contracts.Errors;

namespace Beamline.Contracts.Assignments;

/// <summary>What could be read of an assignment's bytes. Ids are filled in as far as they could be read, for the rejecting ack.</summary>
public sealed record AssignmentReading
{
    /// <summary>The assignment, when <see cref="Faults"/> is empty.</summary>
    public ExecAssignment? Assignment { get; init; }
    public required IReadOnlyList<Fault> Faults { get; init; }

    /// <summary>False when the bytes are not one JSON object (not UTF-8, cut off, too deep, a duplicate key): dead-lettered with its raw bytes.</summary>
    public required bool Parsable { get; init; }
    public string? AssignmentId { get; init; }
    public string? RequestId { get; init; }
    public string? TenantId { get; init; }
    public string? TraceId { get; init; }

    /// <summary>The JSON object that was read, for <see cref="BodyHash"/>; undefined where it was not parsable.</summary>
    internal JsonElement Root { get; init; }
}
