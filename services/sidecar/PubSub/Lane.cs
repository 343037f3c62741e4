using Beamline.Observability.Faults;
using Beamline.Sidecar.Bus;

namespace Beamline.Sidecar.PubSub;

/// <summary>
/// One component's subscription in one sidecar: one message in flight. Stopping takes no new message and lets the one in hand
/// finish within the drain time; what is not settled by then comes back after ackWait.
/// </summary>
internal sealed class Lane(BusStore bus, Consumer consumer, DeliveryCall call, SidecarFaults faults, TimeProvider time)
{
    /// <param name="stopping">Takes no new message.</param>
    /// <param name="aborting">Breaks off the one in hand.</param>
    public async Task RunAsync(CancellationToken stopping, CancellationToken aborting)
    {
        var standby = consumer.Options is { Durable: not null, Shared: false };
        var active = false;
        try
        {
            if (standby)
            {
                await consumer.Active.WaitAsync(stopping).ConfigureAwait(false);
            }

            active = standby;
            while (true)
            {
                var delivery = await consumer.NextAsync(stopping).ConfigureAwait(false);
                await HandleAsync(delivery, aborting).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
        finally
        {
            if (active)
            {
                consumer.Active.Release();
            }

            await bus.CloseConsumerAsync(consumer).ConfigureAwait(false);
        }
    }

    private async ValueTask HandleAsync(Delivery delivery, CancellationToken aborting)
    {
        var passed = await faults.Bus.PassAsync(time, aborting).ConfigureAwait(false);
        if (passed && await call.DeliverAsync(delivery.Message.Subject, delivery.Message.Body, aborting).ConfigureAwait(false))
        {
            Failpoints.Hit("sidecar.before-ack");
            consumer.Acknowledge(delivery);
        }
        else
        {
            consumer.Retry(delivery);
        }
    }
}
