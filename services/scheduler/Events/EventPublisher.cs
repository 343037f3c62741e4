using Beamline.Contracts;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Events;

/// <summary>What the publisher needs of the ledger.</summary>
/// <param name="LoadCursor">The last event that was published, by the last word saved.</param>
/// <param name="SaveCursor">Remembers it.</param>
/// <param name="ReadAfter">Events above a number, in order, each with its task.</param>
internal sealed record EventStore(
    Func<CancellationToken, Task<long>> LoadCursor,
    Func<long, CancellationToken, Task> SaveCursor,
    Func<long, CancellationToken, Task<FeedPage<EventRow>>> ReadAfter);

/// <summary>
/// Publishes events in packs, a topic for each tenant, by each tenant's policy. Unlike the outbox it keeps no row an event: a
/// cursor says how far it has come, and after a crash the last second's events are published again (same event_id).
/// </summary>
internal sealed class EventPublisher(
    EventStore store,
    BusPublisher bus,
    IOptions<EventOptions> options,
    IOptionsMonitor<LaneOptions> lanes,
    TimeProvider time,
    SchedulerMetrics metrics,
    ILogger<EventPublisher> logger) : BackgroundService, ICommitListener
{
    // Topics published at the same time; further tenants wait, and their packs fill meanwhile.
    private const int Concurrency = 4;

    private readonly EventOptions _options = options.Value;
    private readonly LaneOptions _lane = lanes.Get(OutboxPublisher.Section);
    private readonly RowFeed<CommittedEvent> _feed = new(
        async (after, ct) => (await store.ReadAfter(after, ct).ConfigureAwait(false)).Of(row => new CommittedEvent(row)),
        rising: true,
        new LaneOptions { BufferedRows = options.Value.BufferedEvents },
        time);

    // The rest belongs to the loop.
    private readonly TenantPacks _packs = new(options.Value, lanes.Get(OutboxPublisher.Section).BatchBytes);
    private long _taken;
    private long _saved;
    private DateTimeOffset _saveAt;
    private int _failuresInARow;
    private long _successes;

    public void OnCommitted(CommittedBatch batch)
    {
        foreach (var row in batch.Events)
        {
            _feed.Offer(new CommittedEvent(row));
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _taken = _saved = await store.LoadCursor(stoppingToken).ConfigureAwait(false);
        _feed.StartAfter(_saved);
        while (true)
        {
            await TryFillAsync(stoppingToken).ConfigureAwait(false);
            var round = TakeRound();
            if (round.Count > 0)
            {
                await PublishAsync(round, stoppingToken).ConfigureAwait(false);
            }

            await SaveCursorAsync(stoppingToken).ConfigureAwait(false);
            if (round.Count == 0)
            {
                await _feed.WaitAsync(UntilNext(), stoppingToken).ConfigureAwait(false);
            }
        }
    }

    private async Task TryFillAsync(CancellationToken ct)
    {
        try
        {
            await FillAsync(ct).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // The top of the loop: it goes on when the ledger can be read again.
        catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
        {
            logger.EventsNotRead(failure);
            await Task.Delay(_lane.LongestRetry, time, ct).ConfigureAwait(false);
        }
    }

    private async Task FillAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        while (_packs.Count < _options.BufferedEvents && await _feed.TakeAsync(ct).ConfigureAwait(false) is { } taken)
        {
            _taken = taken.Id;
            var policy = _options.PolicyOf(taken.TenantId);
            if (policy == EventPolicy.All || (policy == EventPolicy.Final && EventMessages.IsFinal(taken.Type)))
            {
                _packs.Add(taken, now);
            }
        }
    }

    private List<(TenantEvents Tenant, IReadOnlyList<EventPack> Packs)> TakeRound()
    {
        var now = time.GetUtcNow();
        var round = new List<(TenantEvents, IReadOnlyList<EventPack>)>();
        while (round.Count < (_failuresInARow > 0 ? 1 : Concurrency) && _packs.TakeDue(now, probing: _failuresInARow > 0) is { } due)
        {
            round.Add(due);
        }

        return round;
    }

    private async Task PublishAsync(List<(TenantEvents Tenant, IReadOnlyList<EventPack> Packs)> round, CancellationToken ct)
    {
        if (_failuresInARow > 0)
        {
            await Task.Delay(Backoff.Of(_lane.FirstRetry, _lane.LongestRetry, _failuresInARow), time, ct).ConfigureAwait(false);
        }

        var probing = _failuresInARow > 0;
        var began = time.GetTimestamp();
        var outcomes = await Task.WhenAll(round.Select(each => bus.PublishAsync(Topics.EventsOf(each.Tenant.TenantId), each.Packs, probing, ct)))
            .ConfigureAwait(false);
        for (var i = 0; i < outcomes.Length; i++)
        {
            var failed = round[i].Packs.Count(pack => outcomes[i].AllFailed || outcomes[i].Failed.Contains(pack.Id));
            metrics.BatchSent("events", round[i].Packs.Count - failed, failed, time.GetElapsedTime(began));
            Settle(round[i].Tenant, round[i].Packs, outcomes[i]);
        }
    }

    private void Settle(TenantEvents tenant, IReadOnlyList<EventPack> packs, LaneOutcome outcome)
    {
        if (outcome is { AllFailed: false, Failed.Count: 0 })
        {
            if (_failuresInARow > 0)
            {
                logger.EventsRecovered(_failuresInARow);
            }

            (_failuresInARow, _successes) = (0, _successes + 1);
            (tenant.Failures, tenant.Limit) = (0, Math.Min(_options.PackEvents, tenant.Limit * 2));
            _packs.Done(tenant, time.GetUtcNow());
            return;
        }

        if (outcome.AllFailed && tenant.Failures == 0 && _failuresInARow++ == 0)
        {
            logger.EventsFailed(tenant.TenantId, outcome.Reason);
        }

        var failed = outcome.AllFailed ? packs : [.. packs.Where(pack => outcome.Failed.Contains(pack.Id))];
        PutBack(tenant, failed, outcome.Reason);
    }

    private void PutBack(TenantEvents tenant, IReadOnlyList<EventPack> failed, string? reason)
    {
        // As in a lane: failing again counts against a tenant's events only if others went through since.
        if (tenant.Failures == 0 || _successes != tenant.SuccessesAtFailure)
        {
            tenant.Failures++;
            tenant.SuccessesAtFailure = _successes;
        }

        var alone = failed is [{ Events.Count: 1 }];
        if (alone && tenant.Failures >= _options.GiveUpAfter)
        {
            logger.EventGivenUp(tenant.TenantId, failed[0].Events[0].AssignmentId, failed[0].Events[0].Type, tenant.Failures, reason);
            tenant.Failures = 0;
            _packs.Done(tenant, time.GetUtcNow());
            return;
        }

        tenant.Limit = Math.Max(1, tenant.Limit / 2);
        _packs.PutBack(tenant, failed, time.GetUtcNow() + Backoff.Of(_lane.FirstRetry, _lane.LongestRetry, tenant.Failures));
    }

    private TimeSpan UntilNext()
    {
        var next = _packs.NextDue;
        if (_saved != Cursor() && (next is null || _saveAt < next))
        {
            next = _saveAt;
        }

        if (next is not { } due)
        {
            return Timeout.InfiniteTimeSpan;
        }

        var left = due - time.GetUtcNow();
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private long Cursor() => _packs.FirstId - 1 ?? _taken;

    private async Task SaveCursorAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        if (now < _saveAt)
        {
            return;
        }

        var cursor = Cursor();
        if (cursor == _saved)
        {
            return;
        }

        _saveAt = now + _options.SaveCursorEvery;
        try
        {
            await store.SaveCursor(cursor, ct).ConfigureAwait(false);
            _saved = cursor;
        }
#pragma warning disable CA1031 // Only the place to go on from after a crash: the ledger's trouble is its own to report, and it is saved later.
        catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
        {
            logger.CursorNotSaved(cursor, failure);
        }
    }
}
