using System.Text.Json.Serialization;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Gateway.Problems;

/// <summary>An RFC 9457 problem document with the contract's error code, and every fault with its field.</summary>
internal sealed record Problem
{
    public const string ContentType = "application/problem+json";

    /// <summary><c>urn:beamline:problem:</c> and the code's name.</summary>
    public required string Type { get; init; }
    public required string Title { get; init; }
    public required int Status { get; init; }
    public required string Detail { get; init; }

    /// <summary>The contract's name, such as <c>missing_required_field</c>.</summary>
    public required string Code { get; init; }

    /// <summary>The contract's number, such as 1002.</summary>
    public required int Number { get; init; }
    public required bool Retryable { get; init; }

    /// <summary>Milliseconds; the header Retry-After says the same in whole seconds.</summary>
    public long? RetryAfterMs { get; init; }
    public required IReadOnlyList<ProblemError> Errors { get; init; }

    /// <summary>What the contract says beside the code, such as <c>{"limit":"queued"}</c> with 2004.</summary>
    public RawJson? Details { get; init; }

    public static Problem Of(int status, IReadOnlyList<Fault> faults, TimeSpan? retryAfter = null)
    {
        var first = faults[0];
        return new Problem
        {
            Type = "urn:beamline:problem:" + ErrorCatalogue.NameOf(first.Code),
            Title = TitleOf(status),
            Status = status,
            Detail = faults.Count == 1 ? first.Message : $"{first.Message} ({faults.Count} faults in all)",
            Code = ErrorCatalogue.NameOf(first.Code),
            Number = (int)first.Code,
            Retryable = ErrorCatalogue.IsRetryable(first.Code),
            RetryAfterMs = (long?)retryAfter?.TotalMilliseconds,
            Errors = [.. faults.Select(fault => new ProblemError(fault.Field, ErrorCatalogue.NameOf(fault.Code), (int)fault.Code, fault.Message))],
        };
    }

    private static string TitleOf(int status) => status switch
    {
        StatusCodes.Status400BadRequest => "The request is not valid.",
        StatusCodes.Status403Forbidden => "This is not allowed.",
        StatusCodes.Status404NotFound => "There is no such thing.",
        StatusCodes.Status405MethodNotAllowed => "The method does not fit.",
        StatusCodes.Status409Conflict => "This contradicts what is known.",
        StatusCodes.Status413PayloadTooLarge => "The body is too large.",
        StatusCodes.Status415UnsupportedMediaType => "The body's type is not supported.",
        StatusCodes.Status429TooManyRequests => "A quota is used up.",
        StatusCodes.Status503ServiceUnavailable => "The platform cannot take this now.",
        _ => "The request failed.",
    };
}

internal sealed record ProblemError(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Field, string Code, int Number, string Message);
