using System.Text.Json.Serialization;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Errors;

/// <summary>One fault found in a message: which field, which code, what to do about it.</summary>
public sealed record Fault(ErrorCode Code, string? Field, string Message);

/// <summary>
/// An error on the wire, in acks, results, admission answers and problem documents.
/// Messages and details never hold secrets.
/// </summary>
public sealed record WireError
{
    /// <summary>The code's name, such as <c>http_error</c>.</summary>
    public required string Code { get; init; }
    public required int Number { get; init; }
    public required string Message { get; init; }

    /// <summary>The faulty field, as a path: <c>job.timeout_ms</c>.</summary>
    public string? Field { get; init; }

    /// <summary>Whether trying again may help.</summary>
    public bool Retryable { get; init; }

    public long? RetryAfterMs { get; init; }

    /// <summary>A JSON object.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RawJson? Details { get; init; }

    /// <summary>Every fault, where there is more than one.</summary>
    public IReadOnlyList<WireFault>? Faults { get; init; }

    public static WireError Of(ErrorCode code, string message, bool? retryable = null, string? field = null, long? retryAfterMs = null, RawJson? details = null) => new()
    {
        Code = ErrorCatalogue.NameOf(code),
        Number = (int)code,
        Message = message,
        Field = field,
        Retryable = retryable ?? ErrorCatalogue.IsRetryable(code),
        RetryAfterMs = retryAfterMs,
        Details = details,
    };

    /// <summary>The first fault leads; all are listed when there are several.</summary>
    public static WireError Of(IReadOnlyList<Fault> faults)
    {
        var first = faults[0];
        return Of(first.Code, first.Message, field: first.Field) with
        {
            Faults = faults.Count < 2 ? null : [.. faults.Select(f => new WireFault(ErrorCatalogue.NameOf(f.Code), (int)f.Code, f.Field, f.Message))],
        };
    }
}

public sealed record WireFault(string Code, int Number, string? Field, string Message);
