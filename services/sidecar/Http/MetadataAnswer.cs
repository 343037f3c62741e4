using Beamline.Sidecar.PubSub;

namespace Beamline.Sidecar.Http;

/// <summary><c>GET /v1.0/metadata</c>: fields in Dapr's order, the version being the one whose behaviour is followed.</summary>
internal static class MetadataAnswer
{
    private const string RuntimeVersion = "1.18.3";

    public static ApiAnswer Of(SidecarApp app)
    {
        using var output = new MemoryStream();
        using (var writer = new System.Text.Json.Utf8JsonWriter(output))
        {
            writer.WriteStartObject();
            writer.WriteString("id", app.AppId);
            writer.WriteString("runtimeVersion", RuntimeVersion);
            writer.WriteStartArray("enabledFeatures");
            writer.WriteEndArray();
            WriteRaw(writer, "components", Components(app));
            var extended = app.Contents.Extended.ToDictionary(pair => pair.Key, pair => (object?)pair.Value);
            extended["daprRuntimeVersion"] = RuntimeVersion;
            writer.WritePropertyName("extended");
            writer.WriteRawValue(GoJson.Write(extended));
            WriteRaw(writer, "subscriptions", [.. app.Lifecycle.Subscriptions.Select(WriteSubscription)]);
            writer.WriteStartObject("appConnectionProperties");
            if (app.Channel is { Port: > 0 } channel)
            {
                writer.WriteNumber("port", channel.Port);
            }

            writer.WriteString("protocol", "http");
            writer.WriteString("channelAddress", "127.0.0.1");
            writer.WriteEndObject();
            writer.WriteStartObject("actorRuntime");
            writer.WriteString("runtimeStatus", "DISABLED");
            writer.WriteBoolean("hostReady", false);
            writer.WriteString("placement", "placement: disconnected");
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        output.WriteByte((byte)'\n');
        return new ApiAnswer(200, output.ToArray());
    }

    private static List<byte[]> Components(SidecarApp app)
    {
        var components = app.Contents.SecretStores.Values
            .Select(store => (store.Component, Capabilities: (IReadOnlyList<string>)(store.MultiValued ? ["MULTIPLE_KEY_VALUES_PER_SECRET"] : [])))
            .Concat(app.Contents.PubSubs.Values.Select(bus => (bus.Component, bus.Capabilities)))
            .Concat(app.Contents.StateStores.Values.Select(store => (store.Component, store.Capabilities)));
        return [.. components.Select(entry =>
        {
            var fields = ApiAnswer.Fields(("name", entry.Component.Name), ("type", entry.Component.Type), ("version", entry.Component.Version));
            if (entry.Capabilities.Count > 0)
            {
                fields.Add("capabilities", entry.Capabilities.Cast<object?>());
            }

            return GoJson.Write(fields);
        })];
    }

    private static byte[] WriteSubscription(Subscription subscription)
    {
        var fields = ApiAnswer.Fields(
            ("pubsubname", subscription.PubSub), ("topic", subscription.Topic),
            ("rules", new List<object?> { ApiAnswer.Fields(("path", subscription.Route)) }), ("deadLetterTopic", ""), ("type", "PROGRAMMATIC"));
        if (subscription.Metadata.Count > 0)
        {
            fields.Add("metadata", subscription.Metadata.ToDictionary(pair => pair.Key, pair => (object?)pair.Value));
        }

        return GoJson.Write(fields);
    }

    private static void WriteRaw(System.Text.Json.Utf8JsonWriter writer, string name, List<byte[]> values)
    {
        if (values.Count == 0)
        {
            return;
        }

        writer.WriteStartArray(name);
        values.ForEach(value => writer.WriteRawValue(value));
        writer.WriteEndArray();
    }
}
