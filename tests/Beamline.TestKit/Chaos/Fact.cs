using System.Text.Json.Serialization;

namespace Beamline.TestKit.Chaos;

/// <summary>What a <see cref="Fact"/> tells.</summary>
public static class FactKinds
{
    /// <summary>About to be sent for the first time: written to the disk before.</summary>
    public const string Sending = "sending";

    /// <summary>A 2xx from the gateway, or from the bus for a message published on it.</summary>
    public const string Accepted = "accepted";

    /// <summary>A 4xx: nothing of this load deserves one.</summary>
    public const string Refused = "refused";

    /// <summary>About to ask for a cancellation.</summary>
    public const string Cancelling = "cancelling";

    /// <summary>An ExecResult, as a client was answered or as the bus delivered it.</summary>
    public const string Result = "result";

    /// <summary>The outside world saw the step run.</summary>
    public const string Ran = "ran";

    /// <summary>The last event of a task, as the bus delivered it.</summary>
    public const string Final = "final";

    /// <summary>An ack on the bus.</summary>
    public const string Ack = "ack";

    /// <summary>A process died.</summary>
    public const string Killed = "killed";

    /// <summary>A process serves again.</summary>
    public const string Serving = "serving";

    /// <summary>A process did not come back: the run ends.</summary>
    public const string GivenUp = "given-up";

    /// <summary>A task that was sent after a process's death has ended.</summary>
    public const string Recovered = "recovered";
}

/// <summary>How a task should end.</summary>
public static class Expectations
{
    public const string Success = "success";

    /// <summary>Cancelled, or done before the cancellation reached it.</summary>
    public const string CancelledOrDone = "cancelled-or-done";
}

/// <summary>One line of the <see cref="Journal"/>.</summary>
public sealed record Fact
{
    public required string Kind { get; init; }

    /// <summary>The assignment; null for what concerns a process.</summary>
    public string? Id { get; init; }

    /// <summary>Unix milliseconds; set by the journal.</summary>
    public long At { get; init; }

    /// <summary>Where it was seen or sent: <c>gateway</c>, <c>bus</c>, <c>get</c>, <c>wait</c>.</summary>
    public string? Via { get; init; }

    /// <summary>One of <see cref="Expectations"/>.</summary>
    public string? Expect { get; init; }

    /// <summary>Assignments with the same identity share it: one of them runs.</summary>
    public string? Identity { get; init; }

    /// <summary>The step may be started once at most.</summary>
    public bool? Once { get; init; }

    public string? Status { get; init; }

    public string? Reason { get; init; }

    public int? Delivery { get; init; }

    public int? Retry { get; init; }

    /// <summary>SHA-256 of a result's exact bytes; the id of an event.</summary>
    public string? Hash { get; init; }

    /// <summary>What is wrong with a result's content, or why a process was given up; null when nothing is wrong.</summary>
    public string? Fault { get; init; }

    public string? Process { get; init; }

    /// <summary>Where the process died; null: killed at a random moment.</summary>
    public string? Failpoint { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Fact))]
internal sealed partial class FactJson : JsonSerializerContext;
