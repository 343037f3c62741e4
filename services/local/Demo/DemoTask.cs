using System.Text.Json.Nodes;

namespace Beamline.Local.Demo;

/// <summary>One task of the demo: what is submitted, and how its result is judged by means that Beamline has no part in.</summary>
/// <param name="Name">Short, for the table.</param>
/// <param name="Job">The assignment's <c>job</c>.</param>
/// <param name="Expected">What should come out, in words.</param>
/// <param name="Judge">Null when the ExecResult is as expected; otherwise what differs.</param>
internal sealed record DemoTask(string Name, JsonObject Job, string Expected, Func<JsonNode, string?> Judge)
{
    /// <summary>Cancelled by the demo as soon as it runs.</summary>
    public bool CancelWhenStarted { get; init; }

    /// <summary>Approved by the demo, in this person's name, as soon as the question is asked.</summary>
    public string? ApprovedBy { get; init; }

    /// <summary>The name of a task that must have ended before this one is submitted.</summary>
    public string? After { get; init; }

    /// <summary>An event that must be seen before the task counts as done, beside its result.</summary>
    public string? ExpectedEvent { get; init; }

    public string Type => Job["type"]!.GetValue<string>();
}

/// <summary>What became of one task.</summary>
internal sealed record DemoOutcome(DemoTask Task, string Status, string Pool, long LatencyMs, int RetriesUsed, string? Difference)
{
    public bool AsExpected => Difference is null;
}
