using Beamline.Contracts.Errors;
using Beamline.Gateway.Requests;

namespace Beamline.Gateway.Problems;

/// <summary>The faults of the platform, rather than of a request.</summary>
internal static class Faults
{
    public static RequestFault Overloaded(string message, TimeSpan retryAfter) =>
        new(StatusCodes.Status503ServiceUnavailable, [new Fault(ErrorCode.SystemOverload, null, message)], retryAfter);

    public static RequestFault NoScheduler(TimeSpan retryAfter) =>
        new(StatusCodes.Status503ServiceUnavailable, [new Fault(ErrorCode.ResourceUnavailable, null, "No scheduler answers.")], retryAfter);

    public static RequestFault NotFound(string assignmentId, string tenantId) =>
        new(StatusCodes.Status404NotFound, [new Fault(ErrorCode.InvalidInput, "assignment_id", $"Tenant '{tenantId}' has no task '{assignmentId}'.")]);
}
