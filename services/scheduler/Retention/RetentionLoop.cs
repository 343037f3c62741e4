using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Watching;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Retention;

/// <summary>Purges ended tasks: up to so many that ended before a time; returns how many.</summary>
internal delegate Task<int> PurgeTasks(DateTimeOffset endedBefore, int limit, CancellationToken ct);

/// <summary>
/// Takes out of the ledger what nobody needs any more, in small transactions: ended tasks whose keys are confirmed and whose
/// messages are published, and dead letters, by age and by size. Forgets watchers that stay away.
/// </summary>
internal sealed class RetentionLoop(
    LedgerStore ledger, PurgeTasks purge, WatchHub watchers, IOptions<RetentionOptions> options, TimeProvider time, ILogger<RetentionLoop> logger) : BackgroundService
{
    private readonly RetentionOptions _options = options.Value;

    /// <summary>One look through the ledger. Dead letters first: the tasks they tell of may then go.</summary>
    public async Task RunOnceAsync(CancellationToken ct)
    {
        watchers.DropGone();
        var size = await ledger.Reader.SizeAsync(ct).ConfigureAwait(false);
        var letters = await PurgeDeadLettersAsync(size, ct).ConfigureAwait(false);
        var tasks = await PurgeTasksAsync(size, ct).ConfigureAwait(false);
        if (letters + tasks > 0)
        {
            logger.Purged(tasks, letters);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await Task.Delay(_options.Every, time, stoppingToken).ConfigureAwait(false);
            try
            {
                await RunOnceAsync(stoppingToken).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // The top of the loop: what could not be purged now is purged later.
            catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
            {
                logger.PurgeFailed(failure);
            }
        }
    }

    private async Task<int> PurgeDeadLettersAsync(LedgerSize size, CancellationToken ct)
    {
        var surplus = Math.Max(0, size.DeadLetters - _options.MaxDeadLetters);
        if (size.DeadLetterBytes > _options.MaxDeadLetterBytes || size.Bytes > _options.MaxBytes)
        {
            surplus = Math.Max(surplus, _options.Batch);
        }

        var before = time.GetUtcNow() - _options.DeadLetters;
        var purged = 0;
        for (var batch = _options.Batch; batch == _options.Batch; purged += batch)
        {
            batch = await ledger.PurgeDeadLettersAsync(before, Math.Max(0, surplus - purged), _options.Batch, ct).ConfigureAwait(false);
        }

        return purged;
    }

    private async Task<int> PurgeTasksAsync(LedgerSize size, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var purged = await PurgeTasksAsync(now - Max(_options.FinishedTasks, _options.KeepAtLeast), long.MaxValue, ct).ConfigureAwait(false);
        var surplus = size.Bytes > _options.MaxBytes ? long.MaxValue : size.Tasks - purged - _options.MaxTasks;
        return surplus > 0 ? purged + await PurgeTasksAsync(now - _options.KeepAtLeast, surplus, ct).ConfigureAwait(false) : purged;
    }

    private async Task<int> PurgeTasksAsync(DateTimeOffset before, long most, CancellationToken ct)
    {
        var purged = 0;
        for (var full = true; full && purged < most;)
        {
            var limit = (int)Math.Min(_options.Batch, most - purged);
            var batch = await purge(before, limit, ct).ConfigureAwait(false);
            purged += batch;
            full = batch == limit;
        }

        return purged;
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
