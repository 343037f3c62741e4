using Beamline.Contracts.Errors;

namespace Beamline.Gateway.Requests;

/// <summary>A request that cannot be served; becomes the problem document of its answer.</summary>
internal sealed record RequestFault(int Status, IReadOnlyList<Fault> Faults, TimeSpan? RetryAfter = null)
{
    public static RequestFault Invalid(string field, string message, ErrorCode code = ErrorCode.InvalidInput) =>
        new(StatusCodes.Status400BadRequest, [new Fault(code, field, message)]);
}
