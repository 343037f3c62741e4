using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;
using Beamline.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Outbox;

/// <summary>A publisher between a ledger in memory and a scripted sidecar, under a clock of the test's own.</summary>
internal sealed class OutboxBench : IAsyncDisposable
{
    private const int Page = 100;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, OutboxRow> _rows = [];
    private readonly CountedMetrics _metrics = new();
    private readonly BusPublisher _bus;
    private readonly OutboxPublisher _publisher;
    private TaskCompletionSource _deleted = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public OutboxBench(LaneOptions? options = null, IEnumerable<OutboxRow>? leftOver = null, EventOptions? events = null)
    {
        foreach (var row in leftOver ?? [])
        {
            _rows.Add(row.Id, row);
        }

        _bus = new BusPublisher(Sidecar.Client(), Time);
        _publisher = new OutboxPublisher(
            new OutboxStore(ReadAfter, Delete),
            new TopicPublisher(_bus, new FixedOptions<EventOptions>(events ?? new EventOptions())),
            new FixedOptions<LaneOptions>(options ?? new LaneOptions()),
            Time,
            _metrics.Metrics,
            NullLogger<OutboxPublisher>.Instance);
    }

    public ManualTime Time { get; } = new();

    public ScriptedSidecar Sidecar { get; } = new();

    public CounterReadings Counts => _metrics.Counts;

    public int Reads { get; private set; }

    public bool LedgerFull { get; set; }

    public Task StartAsync() => _publisher.StartAsync(CancellationToken.None);

    public void Commit(params OutboxRow[] rows)
    {
        lock (_lock)
        {
            foreach (var row in rows)
            {
                _rows.Add(row.Id, row);
            }
        }

        _publisher.OnCommitted(new CommittedBatch { Outbox = rows, Endings = [], Events = [] });
    }

    /// <summary>Lets time pass until the broker has so many messages.</summary>
    public Task PublishedAsync(int count) => Time.RunUntilAsync(Sidecar.UntilAsync(() => Sidecar.Messages.Count >= count));

    /// <summary>Lets time pass until no row is left but so many.</summary>
    public Task LeftAsync(int count) => Time.RunUntilAsync(UntilLeftAsync(count));

    public async ValueTask DisposeAsync()
    {
        await _publisher.StopAsync(CancellationToken.None);
        _publisher.Dispose();
        _bus.Dispose();
        _metrics.Dispose();
        Sidecar.Dispose();
    }

    private async Task UntilLeftAsync(int count)
    {
        while (true)
        {
            var deleted = _deleted.Task;
            lock (_lock)
            {
                if (_rows.Count <= count)
                {
                    return;
                }
            }

            await deleted;
        }
    }

    private Task<FeedPage<OutboxRow>> ReadAfter(OutboxKind kind, long after, CancellationToken ct)
    {
        lock (_lock)
        {
            Reads++;
            var rows = _rows.Values.Where(row => row.Kind == kind && row.Id > after).Take(Page).ToList();
            return Task.FromResult(new FeedPage<OutboxRow>(rows, rows.Count == Page));
        }
    }

    private Task Delete(IReadOnlyList<long> ids, CancellationToken ct)
    {
        lock (_lock)
        {
            if (LedgerFull)
            {
                throw new IOException("disk full");
            }

            foreach (var id in ids)
            {
                _rows.Remove(id);
            }
        }

        Interlocked.Exchange(ref _deleted, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        return Task.CompletedTask;
    }
}
