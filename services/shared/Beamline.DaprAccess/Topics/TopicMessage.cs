using System.Diagnostics;

namespace Beamline.DaprAccess;

/// <summary>One delivery. The same message may come again, raw ones each time with a fresh <see cref="Id"/>.</summary>
public sealed record TopicMessage
{
    /// <summary>Raw: the exact bytes from the bus. CloudEvent: its data, JSON text as it stood in the envelope.</summary>
    public required ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>The real subject, also where the subscription has a wildcard.</summary>
    public required string Topic { get; init; }

    public required string PubsubName { get; init; }

    /// <summary>The CloudEvent's id. On a raw subscription the sidecar makes a new one for each delivery: no key to remember.</summary>
    public string? Id { get; init; }

    public string? ContentType { get; init; }

    /// <summary>W3C trace context from the payload's own top-level field, else from the envelope.</summary>
    public string? TraceParent { get; init; }

    public string? TraceState { get; init; }

    /// <summary><see cref="TraceParent"/> parsed; default where there is none or it is malformed.</summary>
    public ActivityContext TraceContext =>
        ActivityContext.TryParse(TraceParent, TraceState, isRemote: true, out var context) ? context : default;
}

/// <summary>What the sidecar is told to do with a delivery.</summary>
public enum TopicResponse
{
    /// <summary>Done with: acknowledged.</summary>
    Success,

    /// <summary>Deliver again after the component's <c>ackWait</c>. Never for business reasons: it ends in silence at <c>maxDeliver</c>.</summary>
    Retry,

    /// <summary>Acknowledged without having been handled; the sidecar logs it.</summary>
    Drop,
}

/// <summary>How a subscription is made.</summary>
public sealed record TopicOptions
{
    /// <summary>True: the app gets the bytes as they came over the bus. Needed where others than Dapr publish.</summary>
    public bool RawPayload { get; init; } = true;

    /// <summary>Further metadata of the subscription, passed to the component.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Deliveries above this are dropped with an error in the log: they could never be handled, and would come back for ever.
    /// The default is above what the bus carries (1 MiB, a third more in base64, and the envelope).
    /// </summary>
    public int MaxBodyBytes { get; init; } = 2 * 1024 * 1024;
}
