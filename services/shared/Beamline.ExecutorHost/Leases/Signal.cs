using System.Threading.Channels;

namespace Beamline.ExecutorHost.Leases;

/// <summary>One waiter, many setters; sets that come while nobody waits count as one.</summary>
internal sealed class Signal
{
    // One place: a second set adds nothing to the first.
    private readonly Channel<bool> _channel = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    public void Set() => _channel.Writer.TryWrite(true);

    public async ValueTask WaitAsync(CancellationToken cancellation) => await _channel.Reader.ReadAsync(cancellation).ConfigureAwait(false);
}
