namespace Beamline.Scheduler.Outbox;

/// <summary>One message for the bus: its exact bytes, and a number that is unique within its bulk.</summary>
internal interface IBusMessage
{
    long Id { get; }

    ReadOnlyMemory<byte> Body { get; }
}
