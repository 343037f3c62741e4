using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Outbox;

/// <summary>Brings the messages of one kind to where that kind goes: one topic, or for events the topic of each tenant.</summary>
internal sealed class TopicPublisher(BusPublisher bus, IOptions<EventOptions> events)
{
    public Task<LaneOutcome> PublishAsync(OutboxKind kind, IReadOnlyList<OutboxMessage> messages, bool probing, CancellationToken ct) => kind switch
    {
        OutboxKind.Result => ResultSpans.AroundAsync(messages, () => bus.PublishAsync(Topics.Result, messages, probing, ct)),
        OutboxKind.Event => PublishEventsAsync(messages, probing, ct),
        _ => bus.PublishAsync(OutboxMessages.TopicOf(kind), messages, probing, ct),
    };

    private async Task<LaneOutcome> PublishEventsAsync(IReadOnlyList<OutboxMessage> messages, bool probing, CancellationToken ct)
    {
        var failed = new HashSet<long>();
        string? reason = null;
        foreach (var tenant in messages.GroupBy(TenantOf))
        {
            // A rejection is final, so that only `off` keeps it from the bus; its row then counts as published.
            if (events.Value.PolicyOf(tenant.Key) == EventPolicy.Off)
            {
                continue;
            }

            var outcome = await bus.PublishAsync(Topics.EventsOf(tenant.Key), [.. tenant], probing, ct).ConfigureAwait(false);
            if (outcome.AllFailed)
            {
                // A bus that is away takes seconds to answer for each tenant: the lane goes on with one message at a time. What
                // went out before goes again, which the messages' ids make harmless.
                return outcome;
            }

            failed.UnionWith(outcome.Failed);
            reason ??= outcome.Reason;
        }

        return new LaneOutcome(AllFailed: false, failed, reason);
    }

    private static string TenantOf(OutboxMessage message) => JsonSerializer.Deserialize(message.Body.Span, BeamlineJson.Default.TaskEvents)!.TenantId;
}
