using System.Text.Json;
using System.Text.RegularExpressions;
using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Recordings;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>The surroundings in which the recordings were made, put together from what the cases say about them.</summary>
internal static partial class RecordedWorlds
{
    public const string SecretScopes = "secrets: {scopes: [{storeName: sfile, defaultAccess: deny, allowedSecrets: [token]}]}";

    private static readonly IReadOnlyDictionary<string, string> Files = new Dictionary<string, string>
    {
        ["secrets.json"] = """{"token":"t0ps3cret","db":{"user":"u1","pass":"p1"}}""",
    };

    private static readonly IReadOnlyDictionary<string, string[]> Streams = new Dictionary<string, string[]>
    {
        ["S"] = ["beamline.>"],
        ["DEAD"] = ["dead.>"],
    };

    /// <summary>Every component of every file: the recording sidecar had them all.</summary>
    private static readonly IReadOnlyList<string> Components =
    [
        .. RecordedCases.All.SelectMany(recorded => recorded.Setup)
            .Where(document => document.Contains("kind: Component", StringComparison.Ordinal))
            .DistinctBy(document => ComponentName().Match(document).Groups[1].Value),
    ];

    private static readonly string Resiliency = RecordedCases.All.SelectMany(recorded => recorded.Setup)
        .Select(document => document[Math.Max(0, document.IndexOf("apiVersion", StringComparison.Ordinal))..])
        .First(document => document.Contains("kind: Resiliency", StringComparison.Ordinal));

    static RecordedWorlds()
    {
        Environment.SetEnvironmentVariable("BL_ONE", "1");
        Environment.SetEnvironmentVariable("BL_TWO", "two");
    }

    public static HostSettings Main { get; } = new() { Documents = Components, Files = Files, Streams = Streams };

    public static HostSettings WithToken { get; } = Main with { ApiToken = "sesame" };

    public static HostSettings Bare { get; } = new() { Documents = [] };

    public static HostSettings Invocation { get; } = new() { Documents = [], RealTime = true };

    public static HostSettings Resilient { get; } = new() { Documents = [Resiliency], RealTime = true };

    /// <summary>The subscriptions that the recorded app asked for, one JSON object each.</summary>
    public static IReadOnlyList<JsonElement> Subscriptions { get; } = ReadSubscriptions();

    /// <summary>Asks for a feature that the embedded sidecar refuses at the handshake (the table names these).</summary>
    public static bool IsRefusedKind(JsonElement subscription) =>
        subscription.TryGetProperty("routes", out _)
        || subscription.TryGetProperty("deadLetterTopic", out _)
        || subscription.TryGetProperty("bulkSubscribe", out _);

    private static IReadOnlyList<JsonElement> ReadSubscriptions()
    {
        var answer = RecordedCases.All.Single(recorded => recorded.Handshake?.Path == "/dapr/subscribe").HandshakeAnswer!;
        using var document = JsonDocument.Parse(answer);
        return [.. document.RootElement.EnumerateArray().Select(item => item.Clone())];
    }

    [GeneratedRegex("metadata: {name: ([a-z]+)}")]
    private static partial Regex ComponentName();
}
