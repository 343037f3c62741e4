using Beamline.Sidecar.Bus;
using Beamline.Sidecar.Components;

namespace Beamline.Sidecar.PubSub;

/// <summary>A pub/sub component: its checked settings, and who may publish or subscribe what.</summary>
internal sealed class PubSubComponent
{
    private static readonly string[] BusSettings =
    [
        "natsURL", "name", "durableName", "queueGroupName", "ackWait", "maxDeliver", "maxAckPending", "deliverPolicy", "streamName",
        "concurrency", "flowControl", "heartbeat", "hearbeat", "ackPolicy", "consumerID", "allowedTopics", "protectedTopics", "publishingScopes", "subscriptionScopes",
    ];

    private static readonly string[] InMemorySettings = ["consumerID", "allowedTopics", "protectedTopics", "publishingScopes", "subscriptionScopes"];

    private readonly HashSet<string> _allowed;
    private readonly HashSet<string> _protected;
    private readonly Dictionary<string, HashSet<string>> _publishing;
    private readonly Dictionary<string, HashSet<string>> _subscribing;

    private PubSubComponent(ComponentDocument component)
    {
        Component = component;
        _allowed = Topics(component.Setting("allowedTopics"));
        _protected = Topics(component.Setting("protectedTopics"));
        _publishing = Scopes(component.Setting("publishingScopes"));
        _subscribing = Scopes(component.Setting("subscriptionScopes"));
    }

    public ComponentDocument Component { get; }

    public string Name => Component.Name;

    public bool InMemory { get; private init; }

    public IReadOnlyList<string> Capabilities => InMemory ? ["SUBSCRIBE_WILDCARDS"] : [];

    private string? Durable { get; init; }

    private bool Queue { get; init; }

    private TimeSpan? AckWait { get; init; }

    private int MaxDeliver { get; init; }

    private int MaxAckPending { get; init; }

    private DeliverPolicy Policy { get; init; }

    public static PubSubComponent Open(ComponentDocument component, SidecarOptions options, List<string> faults)
    {
        if (component.Type == "pubsub.in-memory")
        {
            ComponentSettings.RefuseUnknown(component, InMemorySettings, faults);
            return new PubSubComponent(component) { InMemory = true };
        }

        ComponentSettings.RefuseUnknown(component, BusSettings, faults);
        var settings = new SettingsReader(component, faults);
        if (component.Setting("concurrency") is not (null or "single"))
        {
            faults.Add($"Component '{component.Name}': concurrency must be single, because parallel acknowledges before the handler answers and loses what is in hand.");
        }

        if (component.Setting("streamName") is { Length: > 0 } stream && options.Streams.All(declared => declared.Name != stream))
        {
            faults.Add($"Component '{component.Name}': there is no stream '{stream}' (there are: {string.Join(", ", options.Streams.Select(declared => declared.Name))}).");
        }

        return new PubSubComponent(component)
        {
            Durable = component.Setting("durableName") is { Length: > 0 } durable ? durable : null,
            Queue = component.Setting("queueGroupName") is { Length: > 0 },
            AckWait = settings.Duration("ackWait"),
            MaxDeliver = settings.Number("maxDeliver", 0),
            MaxAckPending = settings.Number("maxAckPending", 1_000),
            Policy = settings.Policy(),
        };
    }

    public bool MayPublish(string appId, string topic) => Allows(topic, appId, _publishing);

    public bool MaySubscribe(string appId, string topic) => Allows(topic, appId, _subscribing);

    public ConsumerOptions ConsumerFor(string topic) => new(new SubjectPattern(topic), Durable, Queue, AckWait, MaxDeliver, MaxAckPending, Policy);

    private bool Allows(string topic, string appId, Dictionary<string, HashSet<string>> scopes)
    {
        if (_allowed.Count > 0 && !_allowed.Contains(topic))
        {
            return false;
        }

        var scoped = scopes.TryGetValue(appId, out var topics);
        if (_protected.Contains(topic))
        {
            return scoped && topics!.Contains(topic);
        }

        return !scoped || topics!.Contains(topic);
    }

    private static HashSet<string> Topics(string? list) =>
        [.. (list ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];

    private static Dictionary<string, HashSet<string>> Scopes(string? text) => (text ?? "")
        .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        .Select(scope => scope.Split('=', 2))
        .ToDictionary(parts => parts[0].Trim(), parts => Topics(parts.Length > 1 ? parts[1] : ""), StringComparer.Ordinal);

    private sealed class SettingsReader(ComponentDocument component, List<string> faults)
    {
        public TimeSpan? Duration(string name)
        {
            if (component.Setting(name) is not { Length: > 0 } text)
            {
                return null;
            }

            if (GoDuration.TryParse(text, out var duration) && duration > TimeSpan.Zero)
            {
                return duration;
            }

            faults.Add($"Component '{component.Name}': {name} '{text}' is no duration above zero (such as 30s).");
            return null;
        }

        public int Number(string name, int missing)
        {
            if (component.Setting(name) is not { Length: > 0 } text)
            {
                return missing;
            }

            if (int.TryParse(text, out var number) && number > 0)
            {
                return number;
            }

            faults.Add($"Component '{component.Name}': {name} '{text}' is no number above zero.");
            return missing;
        }

        public DeliverPolicy Policy()
        {
            switch (component.Setting("deliverPolicy"))
            {
                case null or "" or "all":
                    return DeliverPolicy.All;
                case "new":
                    return DeliverPolicy.New;
                case "last":
                    return DeliverPolicy.Last;
                case var other:
                    faults.Add($"Component '{component.Name}': the embedded sidecar does not support deliverPolicy '{other}' (all, new or last).");
                    return DeliverPolicy.All;
            }
        }
    }
}
