using Beamline.Observability.Faults;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Replaying;

/// <summary>Runs dead-lettered steps again: one verdict each, in order, once all that was decided is committed.</summary>
internal delegate Task<IReadOnlyList<ReplayVerdict>> ReplaySteps(IReadOnlyList<ReplaySource> sources, CancellationToken ct);

/// <summary>
/// Replays what waits, each request at its own rate. All it knows stands in the ledger: a dead letter is marked in the commit that
/// holds the row of its replay, so a death at any point leaves it either waiting or replayed, never both.
/// </summary>
internal sealed class ReplayLoop(LedgerStore ledger, ReplaySteps replay, IOptions<ReplayOptions> options, TimeProvider time, ILogger<ReplayLoop> logger) : BackgroundService
{
    private readonly ReplayOptions _options = options.Value;
    private readonly Signal _asked = new(time);
    private readonly Dictionary<long, ReplayPace> _paces = [];

    /// <summary>Something waits that did not wait before.</summary>
    public void Wake() => _asked.Set();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var waiting = true;
            try
            {
                waiting = await TakeTurnAsync(stoppingToken).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // The top of the loop: what could not be replayed now is replayed later.
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                logger.ReplayFailed(failure);
            }

            await _asked.WaitAsync(waiting ? _options.Every : Timeout.InfiniteTimeSpan, stoppingToken).ConfigureAwait(false);
        }
    }

    /// <summary>False when nothing waits.</summary>
    private async Task<bool> TakeTurnAsync(CancellationToken ct)
    {
        var active = await ledger.Reader.ActiveReplaysAsync(ct).ConfigureAwait(false);
        foreach (var gone in _paces.Keys.Except(active.Select(each => each.Order.Id)).ToList())
        {
            _paces.Remove(gone);
            logger.ReplayDone(RowNames.Replay(gone));
        }

        foreach (var each in active)
        {
            if (!_paces.TryGetValue(each.Order.Id, out var pace))
            {
                _paces.Add(each.Order.Id, pace = new ReplayPace(each.Rate, _options.Every, time));
            }

            if (pace.Due() is > 0 and var due)
            {
                pace.Take(await ReplayAsync(each.Order, due, ct).ConfigureAwait(false));
            }
        }

        return active.Count > 0;
    }

    /// <returns>How many had their turn.</returns>
    private async Task<int> ReplayAsync(ReplayOrder order, int most, CancellationToken ct)
    {
        var sources = await ledger.Reader.WaitingAsync(order, most, _options.MaxAliases, ct).ConfigureAwait(false);
        if (sources.Count == 0)
        {
            return 0;
        }

        Failpoints.Hit("scheduler.before-replay");
        var verdicts = await replay(sources, ct).ConfigureAwait(false);
        Failpoints.Hit("scheduler.after-replay");
        var gone = 0;
        for (var i = 0; i < sources.Count; i++)
        {
            if (verdicts[i] == ReplayVerdict.Waits)
            {
                continue;
            }

            gone++;
            if (RefusalOf(verdicts[i]) is { } why)
            {
                await ledger.RefuseAsync(sources[i].DeadLetterId, time.GetUtcNow().ToUnixTimeMilliseconds(), why, ct).ConfigureAwait(false);
                logger.ReplayRefused(sources[i].Row.Task.AssignmentId, sources[i].Row.Task.TenantId, RowNames.Replay(order.Id), why);
            }
        }

        return gone;
    }

    private static string? RefusalOf(ReplayVerdict verdict) => verdict switch
    {
        ReplayVerdict.Expired => "Its expires_at passed before its turn came. Submit it anew with a later one.",
        ReplayVerdict.Superseded => "The step has run again in the meantime. Look at the task.",
        _ => null,
    };
}
