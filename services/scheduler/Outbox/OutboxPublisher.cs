using Beamline.Observability.Faults;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Outbox;

/// <summary>What the publisher needs of the ledger.</summary>
/// <param name="ReadAfter">Unpublished rows of a kind with ids above a number, in order, with all that their messages are made from.</param>
/// <param name="Delete">Takes published rows out.</param>
internal sealed record OutboxStore(
    Func<OutboxKind, long, CancellationToken, Task<FeedPage<OutboxRow>>> ReadAfter,
    Func<IReadOnlyList<long>, CancellationToken, Task> Delete);

/// <summary>
/// Brings acks, results, dead letters and the events of rejections to the bus: a lane for each kind, so that a topic without a
/// stream holds up no other kind.
/// Rows arrive with their commits; what finds no room, or is left from an earlier run, is read from the ledger.
/// </summary>
internal sealed class OutboxPublisher : BackgroundService, ICommitListener
{
    /// <summary>The section of its <see cref="LaneOptions"/>.</summary>
    public const string Section = "Outbox";

    private readonly Dictionary<OutboxKind, RowFeed<OutboxMessage>> _feeds = [];
    private readonly List<Func<CancellationToken, Task>> _loops = [];

    public OutboxPublisher(OutboxStore store, TopicPublisher topics, IOptionsMonitor<LaneOptions> lanes, TimeProvider time, SchedulerMetrics metrics, ILogger<OutboxPublisher> logger)
    {
        var options = lanes.Get(Section);
        var published = new FinishedRows(store.Delete, options, time, logger);
        _loops.Add(published.RunAsync);
        foreach (var kind in Enum.GetValues<OutboxKind>())
        {
            var topic = OutboxMessages.TopicOf(kind);
            var feed = new RowFeed<OutboxMessage>(ReadAfter, rising: true, options, time);
            var lane = new Lane<OutboxMessage>(
                topic,
                feed,
                (messages, probing, ct) => topics.PublishAsync(kind, messages, probing, ct),
                (messages, _) =>
                {
                    Failpoints.Hit("scheduler.after-publish");
                    published.Add(messages);
                    return Task.CompletedTask;
                },
                options,
                time,
                metrics,
                logger);
            _feeds.Add(kind, feed);
            _loops.Add(lane.RunAsync);

            async Task<FeedPage<OutboxMessage>> ReadAfter(long after, CancellationToken ct)
            {
                var page = (await store.ReadAfter(kind, after, ct).ConfigureAwait(false)).Of(row => new OutboxMessage(row));
                var lost = page.Rows.Where(message => !message.CanBeMade).ToList();
                if (lost.Count == 0)
                {
                    return page;
                }

                // A repeated ack of a task that was purged in between: nobody waits for it, and it must not stay for ever.
                logger.RowsWithoutMessage(topic, lost.Count);
                published.Add(lost);
                return page with { Rows = [.. page.Rows.Except(lost)] };
            }
        }
    }

    public void OnCommitted(CommittedBatch batch)
    {
        foreach (var row in batch.Outbox)
        {
            _feeds[row.Kind].Offer(new OutboxMessage(row));
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(_loops.Select(loop => loop(stoppingToken)));
}
