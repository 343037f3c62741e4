namespace Beamline.Sidecar.Bus;

internal enum DeliverPolicy
{
    All,
    New,
    Last,
}

/// <summary>How a subscription reads a stream: the settings of <c>pubsub.jetstream</c>.</summary>
/// <param name="Filter">The topic, wildcards allowed.</param>
/// <param name="Durable">Null: starts by its policy each time and is forgotten at the end.</param>
/// <param name="Shared">With a durable: competing lanes. Without: one lane active, the others stand by.</param>
/// <param name="AckWait">Null: what is not acknowledged comes back after 30 s, a retry at once.</param>
/// <param name="MaxDeliver">Deliveries before a message is given up in silence; zero: no end.</param>
/// <param name="MaxAckPending">Unacknowledged messages at a time, those that wait for redelivery included.</param>
/// <param name="Policy">Where a new consumer starts.</param>
internal sealed record ConsumerOptions(
    SubjectPattern Filter, string? Durable, bool Shared, TimeSpan? AckWait, int MaxDeliver, int MaxAckPending, DeliverPolicy Policy);
