using System.Text.Json;

namespace Beamline.Sidecar.PubSub;

/// <summary>What an app asked for in its answer to <c>/dapr/subscribe</c>.</summary>
internal sealed record Subscription(string PubSub, string Topic, string Route, bool Raw, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>Reads the answer; what the embedded sidecar cannot do is refused one by one, with the reason.</summary>
    public static List<Subscription> ReadAll(byte[] answer, List<string> refused)
    {
        var subscriptions = new List<Subscription>();
        try
        {
            using var document = JsonDocument.Parse(answer.Length == 0 ? "[]"u8.ToArray() : answer);
            if (document.RootElement.ValueKind != JsonValueKind.Array)
            {
                refused.Add("the app's answer to /dapr/subscribe is no JSON array");
                return subscriptions;
            }

            foreach (var item in document.RootElement.EnumerateArray())
            {
                if (Read(item, refused) is { } subscription)
                {
                    subscriptions.Add(subscription);
                }
            }
        }
        catch (JsonException)
        {
            refused.Add("the app's answer to /dapr/subscribe is no JSON");
        }

        return subscriptions;
    }

    private static Subscription? Read(JsonElement item, List<string> refused)
    {
        var pubSub = Text(item, "pubsubname");
        var topic = Text(item, "topic");
        var route = Text(item, "route");
        var routes = item.ValueKind == JsonValueKind.Object && item.TryGetProperty("routes", out var rules) && rules.ValueKind == JsonValueKind.Object ? rules : default;
        if (string.IsNullOrEmpty(route) && routes.ValueKind == JsonValueKind.Object)
        {
            route = Text(routes, "default");
        }

        var name = $"{pubSub}/{topic}";
        if (string.IsNullOrEmpty(pubSub) || string.IsNullOrEmpty(topic))
        {
            refused.Add($"{name}: pubsubname and topic are needed");
            return null;
        }

        var why = routes.ValueKind == JsonValueKind.Object && routes.TryGetProperty("rules", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0
                ? "routing rules are not supported by the embedded sidecar"
            : item.TryGetProperty("bulkSubscribe", out var bulk) && bulk.ValueKind == JsonValueKind.Object
                && bulk.TryGetProperty("enabled", out var enabled) && enabled.ValueKind == JsonValueKind.True
                ? "bulk subscribe is not supported by the embedded sidecar"
            : !string.IsNullOrEmpty(Text(item, "deadLetterTopic")) ? "dead-letter topics are not supported by the embedded sidecar"
            : string.IsNullOrEmpty(route) ? "a route is needed"
            : null;
        if (why is not null)
        {
            refused.Add($"{name}: {why}");
            return null;
        }

        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (item.TryGetProperty("metadata", out var map) && map.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in map.EnumerateObject())
            {
                metadata[member.Name] = member.Value.ToString();
            }
        }

        return new Subscription(pubSub, topic, route!.StartsWith('/') ? route : "/" + route, metadata.GetValueOrDefault("rawPayload") == "true", metadata);
    }

    private static string? Text(JsonElement item, string name) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
