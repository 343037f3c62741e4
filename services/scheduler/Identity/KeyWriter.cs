using Beamline.DaprAccess;
using Beamline.Observability.Faults;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Lanes;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Identity;

/// <summary>What the writer needs of the ledger.</summary>
/// <param name="ReadDue">Ended tasks with unconfirmed keys and row ids above a number, in order.</param>
/// <param name="Confirm">Notes that the state store has these tasks' keys, so that the rows may be purged.</param>
internal sealed record DueKeyStore(
    Func<long, CancellationToken, Task<FeedPage<DueKey>>> ReadDue,
    Func<IReadOnlyList<long>, CancellationToken, Task> Confirm);

/// <summary>
/// Writes the keys of ended steps to the state store, off the path of any answer. The ledger remembers a step until its keys are
/// confirmed, so nothing is forgotten in between; at start it goes on with what is due.
/// </summary>
internal sealed class KeyWriter : BackgroundService, ICommitListener
{
    private readonly RowFeed<DueKey> _feed;
    private readonly Lane<DueKey> _lane;
    private readonly FinishedRows _confirmed;
    private readonly KeyStore _keys;
    private readonly IdentityOptions _options;

    public KeyWriter(
        DueKeyStore store, KeyStore keys, IOptions<IdentityOptions> options, IOptionsMonitor<LaneOptions> lanes, TimeProvider time, SchedulerMetrics metrics, ILogger<KeyWriter> logger)
    {
        (_keys, _options) = (keys, options.Value);
        var lane = lanes.Get(IdentityOptions.WritingSection);
        _confirmed = new FinishedRows(store.Confirm, lane, time, logger);
        _feed = new RowFeed<DueKey>(store.ReadDue, rising: false, lane, time);
        _lane = new Lane<DueKey>("identity-keys", _feed, WriteAsync, ConfirmAsync, lane, time, metrics, logger);
    }

    public void OnCommitted(CommittedBatch batch)
    {
        foreach (var ending in batch.Endings)
        {
            _feed.Offer(DueKey.Of(ending));
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(_lane.RunAsync(stoppingToken), _confirmed.RunAsync(stoppingToken));

    private async Task<LaneOutcome> WriteAsync(IReadOnlyList<DueKey> due, bool probing, CancellationToken ct)
    {
        Failpoints.Hit("scheduler.before-keys");
        try
        {
            await _keys.WriteAsync([.. due.SelectMany(key => key.Values(_options.InlineResultBytes))], _options.RememberFor, ct).ConfigureAwait(false);
            return LaneOutcome.Done;
        }
        catch (DaprException failure)
        {
            return LaneOutcome.Failure(failure.Message);
        }
    }

    // Before the next batch: until the ledger knows, a read of what is due gives the same tasks again.
    private async Task ConfirmAsync(IReadOnlyList<DueKey> written, CancellationToken ct)
    {
        _confirmed.Add(written);
        await _confirmed.TryCommitAsync(ct).ConfigureAwait(false);
    }
}
