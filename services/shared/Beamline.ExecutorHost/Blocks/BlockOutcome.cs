using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.ExecutorHost.Blocks;

/// <summary>How one attempt ended: outputs, or a failure. Make one with <see cref="Ok"/> or <see cref="Failed"/>.</summary>
public sealed record BlockOutcome
{
    private BlockOutcome()
    {
    }

    /// <summary>A JSON object, when <see cref="Code"/> is <see cref="ErrorCode.None"/>.</summary>
    public RawJson Outputs { get; private init; }
    public ErrorCode Code { get; private init; }

    /// <summary>For people; holds no secrets.</summary>
    public string? Message { get; private init; }

    /// <summary>Whether another attempt may help; null leaves it to the code.</summary>
    public bool? Retryable { get; private init; }

    /// <summary>A JSON object that ends up in <c>error.details</c>.</summary>
    public RawJson? Details { get; private init; }

    /// <summary>No sooner than this, as the other side asked (Retry-After). It outranks the computed backoff when it is longer.</summary>
    public TimeSpan? RetryAfter { get; private init; }

    public bool IsOk => Code == ErrorCode.None;

    public static BlockOutcome Ok(RawJson outputs) => new() { Outputs = outputs };

    public static BlockOutcome Failed(
        ErrorCode code, string message, bool? retryable = null, RawJson? details = null, TimeSpan? retryAfter = null)
    {
        ArgumentOutOfRangeException.ThrowIfEqual(code, ErrorCode.None);
        ArgumentException.ThrowIfNullOrEmpty(message);
        return new() { Code = code, Message = message, Retryable = retryable, Details = details, RetryAfter = retryAfter };
    }

    /// <summary>Bad inputs: the first fault leads, <c>details.faults</c> lists them all. Never retryable.</summary>
    public static BlockOutcome Invalid(IReadOnlyList<Fault> faults)
    {
        ArgumentNullException.ThrowIfNull(faults);
        return Failed(faults[0].Code, faults[0].Message, retryable: false, details: FaultDetails.Of(faults));
    }
}
