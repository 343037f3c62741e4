using System.Text.Json.Nodes;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>
/// The answer of <c>/v1.0/metadata</c>, compared member by member. Left out on both sides: versions, the app's port, the list of the
/// runtime's preview features, and the component and subscriptions of a kind that the sidecar refuses (the table lists their cases).
/// </summary>
internal static class Metadata
{
    /// <summary>Of the recordings' components the one with <c>concurrency: parallel</c>.</summary>
    private const string ParallelComponent = "jspar";

    public static IEnumerable<string> Differences(JsonObject recorded, string actual)
    {
        if (Json.Parse(actual) is not JsonObject found)
        {
            return [$"metadata is no object: {actual}"];
        }

        foreach (var side in new[] { recorded, found })
        {
            Normalise(side);
        }

        return recorded.Select(member => member.Key).Union(found.Select(member => member.Key))
            .Where(name => !JsonNode.DeepEquals(recorded[name], found[name]))
            .Select(name => $"metadata {name}: {found[name]?.ToJsonString()}, recorded {recorded[name]?.ToJsonString()}");
    }

    private static void Normalise(JsonObject metadata)
    {
        metadata.Remove("enabledFeatures");
        metadata["runtimeVersion"] = metadata["runtimeVersion"] is null ? "missing" : "present";
        if (metadata["extended"] is JsonObject extended && extended.ContainsKey("daprRuntimeVersion"))
        {
            extended["daprRuntimeVersion"] = "present";
        }

        (metadata["appConnectionProperties"] as JsonObject)?.Remove("port");
        Sort(metadata, "components", item => (string?)item["name"]);
        Sort(metadata, "subscriptions", item => $"{item["pubsubname"]} {item["topic"]}");
    }

    private static void Sort(JsonObject metadata, string name, Func<JsonNode, string?> key)
    {
        if (metadata[name] is JsonArray items)
        {
            metadata[name] = new JsonArray([.. items.Select(item => item!.DeepClone()).Where(Supported).OrderBy(key, StringComparer.Ordinal)]);
        }
    }

    private static bool Supported(JsonNode item) =>
        (string?)item["name"] != ParallelComponent
        && (string?)item["deadLetterTopic"] is null or ""
        && ((item["rules"] as JsonArray)?.All(rule => rule?["match"] is null) ?? true)
        && !((string?)item["topic"] ?? "").StartsWith("beamline.bulk", StringComparison.Ordinal);
}
