using System.Threading.Channels;
using Beamline.Contracts;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Json;
using Beamline.DaprAccess;
using Beamline.Gateway.Waiting;
using Beamline.Observability.Faults;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Submission;

/// <summary>
/// Hands assignments to the scheduler in micro-batches. Nothing is held back: with an admission free, what waits goes at once;
/// while all are under way, what comes gathers and goes together. When the scheduler does not answer in time, the bus is
/// taken: assignments are idempotent by their identity, so one that went both ways runs once.
/// </summary>
/// <remarks>
/// <code>
/// requests ─▶ slices (≤ 64 tasks, ≤ 2 MiB) ─▶ [bounded queue] ─▶ one loop gathers ─▶ up to 4 admissions under way ─▶ answers
///                                                                                      └─ no answer in 2 s ─▶ bus
/// </code>
/// </remarks>
internal sealed class AdmitBatcher : BackgroundService
{
    private readonly DaprClient _dapr;
    private readonly BusFallback _bus;
    private readonly WatcherIdentity _watcher;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<AdmitBatcher> _logger;
    private readonly GatewayOptions _options;
    private readonly Outage _scheduler;
    private readonly Channel<AdmitSlice> _queue;
    private readonly SemaphoreSlim _free;
    private int _queuedItems;

    public AdmitBatcher(
        DaprClient dapr, BusFallback bus, WatcherIdentity watcher, GatewayMetrics metrics, IOptions<GatewayOptions> options, TimeProvider time, ILogger<AdmitBatcher> logger)
    {
        (_dapr, _bus, _watcher, _metrics, _time, _logger, _options) = (dapr, bus, watcher, metrics, time, logger, options.Value);
        _scheduler = new Outage(time, _options.ProbeInterval);
        _free = new SemaphoreSlim(_options.AdmitsInFlight);

        // Each slice has an item at least, so the count of items is the bound that counts; TryWrite refuses beyond it.
        _queue = Channel.CreateBounded<AdmitSlice>(new BoundedChannelOptions(_options.AdmitQueueItems) { SingleReader = true });
    }

    /// <summary>Answers in the order of the tasks. Never throws but for the token.</summary>
    public async Task<IReadOnlyList<AdmitAnswer>> AdmitAsync(IReadOnlyList<PreparedTask> tasks, bool wait, CancellationToken ct)
    {
        if (tasks.Count == 0)
        {
            return [];
        }

        var group = new AdmitGroup(tasks, wait);
        for (var start = 0; start < tasks.Count;)
        {
            var slice = SliceFrom(group, start);
            if (!TryEnqueue(slice))
            {
                Answer(slice, AdmitAnswer.QueueFull);
            }

            start += slice.Count;
        }

        var answers = await group.Done.WaitAsync(ct).ConfigureAwait(false);
        foreach (var answer in answers)
        {
            _metrics.SubmitAnswered(answer);
        }

        return answers;
    }

    /// <summary>Takes what waits until the service stops, then sends the rest and waits for every answer.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stop = stoppingToken.Register(() => _queue.Writer.TryComplete());
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            await _free.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            var batch = Gather();
            _ = SendAsync(batch);
        }

        // Each admission gives its place back when all its answers are given, so this waits for all of them.
        for (var i = 0; i < _options.AdmitsInFlight; i++)
        {
            await _free.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    private AdmitSlice SliceFrom(AdmitGroup group, int start)
    {
        var (count, bytes) = (0, 0);
        while (start + count < group.Tasks.Count && count < _options.AdmitBatchItems)
        {
            var next = group.Tasks[start + count].Bytes.Length;
            if (count > 0 && bytes + next > WireLimits.MaxBatchBytes)
            {
                break;
            }

            bytes += next;
            count++;
        }

        return new AdmitSlice(group, start, count, bytes);
    }

    private bool TryEnqueue(AdmitSlice slice)
    {
        if (Interlocked.Add(ref _queuedItems, slice.Count) <= _options.AdmitQueueItems && _queue.Writer.TryWrite(slice))
        {
            return true;
        }

        Interlocked.Add(ref _queuedItems, -slice.Count);
        return false;
    }

    private List<AdmitSlice> Gather()
    {
        var batch = new List<AdmitSlice>();
        var (items, bytes) = (0, 0);
        while (_queue.Reader.TryPeek(out var next)
            && (batch.Count == 0 || (items + next.Count <= _options.AdmitBatchItems && bytes + next.Bytes <= WireLimits.MaxBatchBytes))
            && _queue.Reader.TryRead(out next))
        {
            batch.Add(next);
            items += next.Count;
            bytes += next.Bytes;
        }

        Interlocked.Add(ref _queuedItems, -items);
        return batch;
    }

    private async Task SendAsync(List<AdmitSlice> batch)
    {
        try
        {
            // Off the gathering loop before anything that takes time.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            if (!_scheduler.MayTry() || !await TryAdmitAsync(batch).ConfigureAwait(false))
            {
                await _bus.PublishAsync(batch).ConfigureAwait(false);
            }
        }
        catch (Exception bug)
        {
            // Top of the admission: nobody may wait for ever for an answer that a bug ate.
            _logger.AdmissionFailed(bug);
            batch.ForEach(slice => Answer(slice, AdmitAnswer.Unavailable));
        }
        finally
        {
            _free.Release();
        }
    }

    private async Task<bool> TryAdmitAsync(List<AdmitSlice> batch)
    {
        var items = batch.SelectMany(slice => Enumerable.Range(slice.Start, slice.Count).Select(index => new AdmitItem
        {
            Assignment = new RawJson(slice.Group.Tasks[index].Bytes),
            Source = AdmitSources.Gateway,
            Wait = slice.Group.Wait,
        })).ToList();
        var started = _time.GetTimestamp();
        try
        {
            using var timeout = new CancellationTokenSource(_options.AdmitTimeout, _time);
            var response = await _dapr.InvokeMethodAsync(
                AppIds.Scheduler, SchedulerMethods.Admit, new AdmitRequest { Watcher = _watcher.Id, Items = items },
                BeamlineJson.Default.AdmitRequest, BeamlineJson.Default.AdmitResponse, timeout.Token).ConfigureAwait(false);
            Failpoints.Hit("gateway.after-admit");
            if (response.Items.Count != items.Count)
            {
                SchedulerAway($"it answered {response.Items.Count} of {items.Count} assignments");
                return false;
            }

            _metrics.Admitted(_time.GetElapsedTime(started));
            Deal(batch, response.Items);
        }
        catch (Exception away) when (away is DaprException or OperationCanceledException)
        {
            SchedulerAway(away is OperationCanceledException ? $"no answer within {_options.AdmitTimeout.TotalSeconds:0.#} s" : away.Message);
            return false;
        }

        if (_scheduler.Ended())
        {
            _logger.SchedulerBack();
        }

        return true;
    }

    private void SchedulerAway(string reason)
    {
        if (_scheduler.Began())
        {
            _logger.SchedulerAway(reason);
        }
    }

    private static void Deal(List<AdmitSlice> batch, IReadOnlyList<AdmitOutcome> outcomes)
    {
        var next = 0;
        foreach (var slice in batch)
        {
            for (var i = 0; i < slice.Count; i++)
            {
                slice.Group.Answer(slice.Start + i, new AdmitAnswer(outcomes[next++]));
            }
        }
    }

    private static void Answer(AdmitSlice slice, AdmitAnswer answer)
    {
        for (var i = 0; i < slice.Count; i++)
        {
            slice.Group.Answer(slice.Start + i, answer);
        }
    }

    public override void Dispose()
    {
        _free.Dispose();
        base.Dispose();
    }
}
