using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Sidecar.Bus;

/// <summary>A subscription cannot be made, and why.</summary>
internal sealed class SubscriptionRefusedException(string message) : Exception(message);

/// <summary>Opening and closing consumers: a durable is shared by its lanes and remembered in the file.</summary>
internal sealed partial class BusStore
{
    /// <exception cref="SubscriptionRefusedException">No stream has the topic, or the durable serves another one.</exception>
    public async Task<Consumer> OpenConsumerAsync(ConsumerOptions options, CancellationToken cancellation)
    {
        await _subscribing.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            var stream = StreamOf(options.Filter.Text)
                ?? throw new SubscriptionRefusedException($"no stream has the subject '{options.Filter.Text}'");
            if (options.Durable is null)
            {
                return Attach(stream, options, new ConsumerPosition(StartOf(stream, options.Policy), []));
            }

            if (!_durables.TryGetValue((stream.Id, options.Durable), out var durable))
            {
                var position = await OpenDurableAsync(stream, options, cancellation).ConfigureAwait(false);
                durable = Attach(stream, options, position);
                _durables.Add((stream.Id, options.Durable), durable);
                return durable;
            }

            if (durable.Options != options with { Filter = durable.Options.Filter } || durable.Options.Filter.Text != options.Filter.Text)
            {
                throw new SubscriptionRefusedException(
                    $"consumer name already in use: '{options.Durable}' serves '{durable.Options.Filter.Text}' with other settings");
            }

            durable.Lanes++;
            return durable;
        }
        finally
        {
            _subscribing.Release();
        }
    }

    /// <summary>A lane leaves. What was in its hands comes back after ackWait; the last lane's durable is kept in the file.</summary>
    public async Task CloseConsumerAsync(Consumer consumer)
    {
        await _subscribing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (--consumer.Lanes > 0)
            {
                return;
            }

            if (consumer.Options.Durable is { } name)
            {
                consumer.MarkDirty();
                await SaveAsync().ConfigureAwait(false);
                _durables.Remove((consumer.Stream.Id, name));
            }

            consumer.Stream.Remove(consumer);
            consumer.Dispose();
        }
        finally
        {
            _subscribing.Release();
        }
    }

    private static long StartOf(StreamState stream, DeliverPolicy policy) => policy switch
    {
        DeliverPolicy.All => 0,
        DeliverPolicy.Last => Math.Max(0, stream.LastCommitted - 1),
        _ => stream.LastCommitted,
    };

    private Consumer Attach(StreamState stream, ConsumerOptions options, ConsumerPosition position)
    {
        var consumer = new Consumer(this, stream, options, position, _options.Time) { Lanes = 1 };
        stream.Add(consumer);
        // What was committed between the position and the line above was not announced to it.
        consumer.CatchUp();
        return consumer;
    }

    private Task<ConsumerPosition> OpenDurableAsync(StreamState stream, ConsumerOptions options, CancellationToken cancellation) => _writer.RunAsync(
        (connection, transaction) =>
        {
            using (var reader = connection.Prepared("SELECT filter, position FROM consumers WHERE stream = $stream AND name = $name", transaction)
                .Bind("$stream", stream.Id).Bind("$name", options.Durable).ExecuteReader())
            {
                if (reader.Read())
                {
                    return reader.GetString(0) == options.Filter.Text
                        ? ConsumerPosition.FromBytes(reader.GetFieldValue<byte[]>(1))
                        : throw new SubscriptionRefusedException($"consumer name already in use: '{options.Durable}' serves '{reader.GetString(0)}'");
                }
            }

            var position = new ConsumerPosition(StartOf(stream, options.Policy), []);
            connection.Prepared("INSERT INTO consumers (stream, name, filter, position) VALUES ($stream, $name, $filter, $position)", transaction)
                .Bind("$stream", stream.Id).Bind("$name", options.Durable).Bind("$filter", options.Filter.Text).Bind("$position", position.ToBytes())
                .ExecuteNonQuery();
            return position;
        },
        cancellation);
}
