using System.Text.Json;
using System.Text.Json.Nodes;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

internal static class Json
{
    /// <summary>Null when the text is no JSON.</summary>
    public static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Where <paramref name="actual"/> lacks a member of <paramref name="expected"/> or has another value for it.</summary>
    public static IEnumerable<string> Contains(JsonNode expected, JsonNode? actual, string path)
    {
        if (expected is not JsonObject members)
        {
            return JsonNode.DeepEquals(expected, actual) ? [] : [$"{path} is {actual?.ToJsonString()}, recorded {expected.ToJsonString()}"];
        }

        return actual is JsonObject found
            ? members.SelectMany(member => Contains(member.Value!, found[member.Key], $"{path}/{member.Key}"))
            : [$"{path} is {actual?.ToJsonString() ?? "missing"}, recorded an object"];
    }
}
