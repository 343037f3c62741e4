namespace Beamline.Sidecar.Bus;

internal sealed partial class BusStore
{
    [LoggerMessage(LogLevel.Warning, "Gave up message {Sequence} on {Subject} of stream {Stream} after {Deliveries} deliveries (maxDeliver)")]
    private static partial void GaveUpMessage(ILogger logger, string stream, string subject, long sequence, int deliveries);

    [LoggerMessage(LogLevel.Error, "A publish could not be committed")]
    private static partial void PublishFailed(ILogger logger, Exception failure);

    [LoggerMessage(LogLevel.Warning, "The positions of consumers could not be saved; a crash now would redeliver")]
    private static partial void SaveFailed(ILogger logger, Exception failure);
}
