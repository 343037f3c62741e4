using System.Collections.Immutable;
using System.Threading.Channels;
using Beamline.Sidecar.Bus;

namespace Beamline.Sidecar.PubSub;

/// <summary><c>pubsub.in-memory</c>: everything to everyone who listens in this process, nothing kept.</summary>
internal sealed class InMemoryBus(SidecarOptions options, SidecarFaults faults)
{
    // The real one gives a message up after so many failed tries, at once one after the other.
    private const int MaxTries = 10;
    private ImmutableArray<Listener> _listeners = [];

    public async Task<string?[]> PublishAsync(string pubSub, IReadOnlyList<OutgoingMessage> messages, CancellationToken cancellation)
    {
        var errors = new string?[messages.Count];
        if (!await faults.Bus.PassAsync(options.Time, cancellation).ConfigureAwait(false))
        {
            Array.Fill(errors, "the bus is away");
            return errors;
        }

        foreach (var message in messages)
        {
            foreach (var listener in _listeners)
            {
                if (listener.PubSub == pubSub && listener.Topic.Matches(message.Subject))
                {
                    await listener.Queue.Writer.WriteAsync(message, cancellation).ConfigureAwait(false);
                }
            }
        }

        return errors;
    }

    /// <summary>Runs until the token fires.</summary>
    public async Task ListenAsync(
        string pubSub, string topic, Func<OutgoingMessage, CancellationToken, ValueTask<bool>> handler, CancellationToken cancellation)
    {
        var listener = new Listener(pubSub, new SubjectPattern(topic), Channel.CreateBounded<OutgoingMessage>(options.MaxInMemoryBacklog));
        ImmutableInterlocked.Update(ref _listeners, static (list, added) => list.Add(added), listener);
        try
        {
            await foreach (var message in listener.Queue.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
            {
                for (var attempt = 0; attempt < MaxTries && !await handler(message, cancellation).ConfigureAwait(false); attempt++)
                {
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The subscription ends.
        }
        finally
        {
            ImmutableInterlocked.Update(ref _listeners, static (list, gone) => list.Remove(gone), listener);
        }
    }

    private sealed record Listener(string PubSub, SubjectPattern Topic, Channel<OutgoingMessage> Queue);
}
