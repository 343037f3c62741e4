namespace Beamline.DaprAccess;

/// <summary>Every route of Dapr's HTTP API that Beamline uses. No other file in the tree spells one.</summary>
internal static class DaprRoutes
{
    public const string Health = "v1.0/healthz";
    public const string OutboundHealth = "v1.0/healthz/outbound";
    public const string Metadata = "v1.0/metadata";
    public const string Shutdown = "v1.0/shutdown";

    /// <summary>On the app's side: where the sidecar asks for the programmatic subscriptions.</summary>
    public const string Subscriptions = "/dapr/subscribe";

    /// <summary>The same header in both directions: towards the sidecar and towards the app.</summary>
    public const string TokenHeader = "dapr-api-token";

    public static string Publish(string pubsub, string topic, bool raw) =>
        $"v1.0/publish/{Escape(pubsub)}/{Escape(topic)}{RawQuery(raw)}";

    public static string BulkPublish(string pubsub, string topic, bool raw) =>
        $"v1.0/publish/bulk/{Escape(pubsub)}/{Escape(topic)}{RawQuery(raw)}";

    public static string State(string store) => $"v1.0/state/{Escape(store)}";

    public static string State(string store, string key) => $"v1.0/state/{Escape(store)}/{Escape(key)}";

    public static string BulkState(string store) => $"v1.0/state/{Escape(store)}/bulk";

    public static string StateTransaction(string store) => $"v1.0/state/{Escape(store)}/transaction";

    /// <summary>The method's slashes stay: <c>tasks/get</c> is two segments of the callee's path.</summary>
    public static string Invoke(string appId, string method) =>
        $"v1.0/invoke/{Escape(appId)}/method/{method.TrimStart('/')}";

    public static string Secret(string store, string key) => $"v1.0/secrets/{Escape(store)}/{Escape(key)}";

    public static string BulkSecret(string store) => $"v1.0/secrets/{Escape(store)}/bulk";

    // In a bulk the metadata of one entry is ignored by Dapr: only the query string counts.
    private static string RawQuery(bool raw) => raw ? "?metadata.rawPayload=true" : "";

    private static string Escape(string part)
    {
        ArgumentException.ThrowIfNullOrEmpty(part);
        return Uri.EscapeDataString(part);
    }
}
