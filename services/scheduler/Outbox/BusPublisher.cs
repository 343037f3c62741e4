using System.Globalization;
using Beamline.Contracts;
using Beamline.DaprAccess;
using Beamline.Scheduler.Lanes;

namespace Beamline.Scheduler.Outbox;

/// <summary>
/// Bulk publishes to the bus, as exact bytes. While a caller is probing it goes one at a time over all topics: a bus that is
/// away takes seconds to answer each call, and a broker that comes back must not meet a crowd.
/// </summary>
internal sealed class BusPublisher(DaprClient dapr, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _probe = new(1);
    private Away? _away;

    /// <summary>Since when nothing was taken, on any topic; null while something is.</summary>
    public DateTimeOffset? AwaySince => Volatile.Read(ref _away)?.Since;

    public string? LastFailure => Volatile.Read(ref _away)?.Reason;

    public async Task<LaneOutcome> PublishAsync(string topic, IReadOnlyList<IBusMessage> messages, bool probing, CancellationToken ct)
    {
        if (!probing)
        {
            return await PublishAsync(topic, messages, ct).ConfigureAwait(false);
        }

        await _probe.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return await PublishAsync(topic, messages, ct).ConfigureAwait(false);
        }
        finally
        {
            _probe.Release();
        }
    }

    public void Dispose() => _probe.Dispose();

    private async Task<LaneOutcome> PublishAsync(string topic, IReadOnlyList<IBusMessage> messages, CancellationToken ct)
    {
        var entries = new BulkPublishEntry[messages.Count];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = new BulkPublishEntry(messages[i].Id.ToString(CultureInfo.InvariantCulture), messages[i].Body);
        }

        try
        {
            var response = await dapr.BulkPublishEventAsync(Components.Bus, topic, entries, raw: true, ct).ConfigureAwait(false);
            Volatile.Write(ref _away, null);
            return response.IsSuccess ? LaneOutcome.Done : Outcome(response.FailedEntries, messages);
        }
        catch (DaprException failure)
        {
            Volatile.Write(ref _away, new Away(AwaySince ?? time.GetUtcNow(), failure.Message));
            return LaneOutcome.Failure(failure.Message);
        }
    }

    private static LaneOutcome Outcome(IReadOnlyList<BulkPublishResponseFailedEntry> failures, IReadOnlyList<IBusMessage> messages)
    {
        var named = failures.Select(failure => failure.EntryId).ToHashSet(StringComparer.Ordinal);
        var failed = messages.Select(message => message.Id)
            .Where(id => named.Contains(id.ToString(CultureInfo.InvariantCulture)))
            .ToHashSet();

        // Names that are not ours tell nothing: then the whole bulk goes again, which the messages' ids make harmless.
        return new LaneOutcome(failed.Count == 0 || failed.Count == messages.Count, failed, failures[0].Error);
    }

    private sealed record Away(DateTimeOffset Since, string Reason);
}
