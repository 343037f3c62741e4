using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Contracts.Events;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;
using Beamline.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Events;

public sealed class EventPublisherTests
{
    [Fact]
    public async Task Events_of_a_tenant_are_gathered_into_one_message_on_its_own_topic()
    {
        await using var bench = new Bench();
        await bench.StartAsync();
        var (a, b) = (Rows.Task(1, "tenant-a"), Rows.Task(2, "tenant-b"));
        bench.Commit(Rows.Event(1, a, 1, "accepted"), Rows.Event(2, b, 1, "accepted"), Rows.Event(3, a, 2, "started"));
        await bench.PublishedAsync(2);
        var packs = bench.Packs();
        Assert.Equal(["accepted", "started"], packs.Single(pack => pack.TenantId == "tenant-a").Events.Select(each => each.Type));
        Assert.Equal(
            [Topics.EventsOf("tenant-a"), Topics.EventsOf("tenant-b")],
            bench.Sidecar.Messages.Select(message => message.Topic).Order());
    }

    [Fact]
    public async Task A_message_holds_at_most_100_events_and_the_order_of_a_task_is_kept_inside()
    {
        await using var bench = new Bench();
        await bench.StartAsync();
        var task = Rows.Task(1);
        bench.Commit([.. Enumerable.Range(1, 250).Select(n => Rows.Event(n, task, n, "progress"))]);
        await bench.PublishedAsync(3);
        Assert.All(bench.Packs(), pack => Assert.InRange(pack.Events.Count, 1, 100));
        Assert.All(bench.Packs(), pack => Assert.Equal(pack.Events.Select(each => each.Sequence).Order(), pack.Events.Select(each => each.Sequence)));
        Assert.Equal(250, bench.Packs().SelectMany(pack => pack.Events).Select(each => each.EventId).Distinct().Count());
    }

    [Fact]
    public void The_same_events_make_the_same_message()
    {
        var task = Rows.Task(1);
        EventPack Make() => new("tenant-a", [new CommittedEvent(Rows.Event(1, task, 1, data: """{"n":12345678901234567890}""")), new CommittedEvent(Rows.Event(2, task, 2))]);
        Assert.Equal(Make().Body.ToArray(), Make().Body.ToArray());
        Assert.NotEqual(Make().Body.ToArray(), new EventPack("tenant-a", [new CommittedEvent(Rows.Event(1, task, 1))]).Body.ToArray());
    }

    [Theory]
    [InlineData("all", 3)]
    [InlineData("final", 1)]
    [InlineData("off", 0)]
    public async Task A_tenants_policy_decides_which_events_are_published(string policy, int expected)
    {
        var options = new EventOptions { Tenants = { ["tenant-a"] = Enum.Parse<EventPolicy>(policy, ignoreCase: true) } };
        await using var bench = new Bench(options);
        await bench.StartAsync();
        var (a, b) = (Rows.Task(1, "tenant-a"), Rows.Task(2, "tenant-b"));
        bench.Commit(
            Rows.Event(1, a, 1, "accepted"), Rows.Event(2, a, 2, "started"), Rows.Event(3, a, 3, "completed"), Rows.Event(4, b, 1, "accepted"));
        await bench.CursorAsync(4);
        Assert.Equal(expected, bench.Packs().Where(pack => pack.TenantId == "tenant-a").Sum(pack => pack.Events.Count));
        Assert.Contains(bench.Packs(), pack => pack.TenantId == "tenant-b");
    }

    [Fact]
    public async Task After_a_restart_events_above_the_cursor_are_published_and_those_below_are_not()
    {
        var task = Rows.Task(1);
        await using var bench = new Bench(cursor: 2, leftOver: [.. Enumerable.Range(1, 4).Select(n => Rows.Event(n, task, n))]);
        await bench.StartAsync();
        await bench.CursorAsync(4);
        Assert.Equal([3L, 4L], bench.Packs().SelectMany(pack => pack.Events).Select(each => each.Sequence));
    }

    [Fact]
    public async Task While_the_bus_is_away_events_wait_and_the_cursor_stays()
    {
        await using var bench = new Bench();
        bench.Sidecar.BusAway = true;
        await bench.StartAsync();
        var task = Rows.Task(1);
        bench.Commit(Rows.Event(1, task, 1), Rows.Event(2, task, 2));
        await bench.Time.RunUntilAsync(bench.Sidecar.UntilAsync(() => bench.Sidecar.Bulks.Count >= 20));
        Assert.Equal(0, bench.Cursor);
        bench.Sidecar.BusAway = false;
        await bench.CursorAsync(2);
        Assert.Equal(2, bench.Packs().Sum(pack => pack.Events.Count));
        Assert.True(bench.Counts["scheduler_rows_sent_total lane=events outcome=failed"] >= 20);
        Assert.Equal(bench.Packs().Count, bench.Counts["scheduler_rows_sent_total lane=events outcome=left"]);
    }

    [Fact]
    public async Task A_message_is_bounded_by_PackEvents_and_PackBytes()
    {
        foreach (var options in (EventOptions[])[new() { PackEvents = 2 }, new() { PackBytes = 700 }])
        {
            await using var bench = new Bench(options);
            var task = Rows.Task(1);
            bench.Commit([.. Enumerable.Range(1, 5).Select(n => Rows.Event(n, task, n))]);
            await bench.StartAsync();
            await bench.CursorAsync(5);
            Assert.Equal(5, bench.Packs().Sum(pack => pack.Events.Count));
            Assert.All(bench.Packs(), pack => Assert.InRange(pack.Events.Count, 1, 2));
        }
    }

    [Fact]
    public async Task Events_are_gathered_for_GatherFor()
    {
        await using var bench = new Bench(new EventOptions { GatherFor = TimeSpan.FromSeconds(3) });
        await bench.StartAsync();
        bench.Commit(Rows.Event(1, Rows.Task(1), 1));
        await bench.Time.WaitsAsync(TimeSpan.FromSeconds(3));
        Assert.Empty(bench.Sidecar.Messages);
        await bench.PublishedAsync(1);
    }

    [Fact]
    public async Task An_event_alone_is_given_up_after_GiveUpAfter_failures()
    {
        await using var bench = new Bench(new EventOptions { GiveUpAfter = 1 });
        bench.Sidecar.Poison = "POISON";
        await bench.StartAsync();
        bench.Commit(Rows.Event(1, Rows.Task(1), 1, data: """{"text":"POISON"}"""));
        await bench.CursorAsync(1);
        Assert.Empty(bench.Sidecar.Messages);
    }

    [Fact]
    public async Task A_tenant_whose_topic_refuses_holds_up_no_other_tenant()
    {
        await using var bench = new Bench();
        bench.Sidecar.MissingTopics.Add(Topics.EventsOf("tenant-a"));
        await bench.StartAsync();
        bench.Commit(Rows.Event(1, Rows.Task(1, "tenant-a"), 1));
        for (var n = 2; n <= 20; n++)
        {
            bench.Commit(Rows.Event(n, Rows.Task(n, "tenant-b"), 1));
            var expected = n - 1;
            await bench.Time.RunUntilAsync(bench.Sidecar.UntilAsync(() => bench.Packs().Sum(pack => pack.Events.Count) >= expected));
        }

        Assert.All(bench.Packs(), pack => Assert.Equal("tenant-b", pack.TenantId));
    }

    [Fact]
    public async Task An_event_that_cannot_be_published_is_given_up_in_the_end_and_those_beside_it_go_out()
    {
        await using var bench = new Bench();
        (bench.Sidecar.Poison, bench.Sidecar.PoisonFailsBulk) = ("POISON", true);
        await bench.StartAsync();
        var task = Rows.Task(1);
        bench.Commit([.. Enumerable.Range(1, 40).Select(n => Rows.Event(n, task, n, data: n == 17 ? """{"text":"POISON"}""" : null))]);
        for (var n = 41; n <= 60; n++)
        {
            // Others must go through in between: a bus that is away for all never makes an event be given up.
            bench.Commit(Rows.Event(n, Rows.Task(n, "tenant-b"), 1));
            await bench.Time.RunUntilAsync(bench.Sidecar.UntilAsync(() => bench.Packs().Where(pack => pack.TenantId == "tenant-b").Sum(pack => pack.Events.Count) >= n - 40));
        }

        await bench.CursorAsync(60);
        Assert.Equal(39, bench.Packs().Where(pack => pack.TenantId == "tenant-a").SelectMany(pack => pack.Events).Select(each => each.EventId).Distinct().Count());
    }

    [Fact]
    public async Task What_finds_no_room_in_memory_is_read_from_the_ledger()
    {
        await using var bench = new Bench(new EventOptions { BufferedEvents = 50 });
        bench.Sidecar.BusAway = true;
        await bench.StartAsync();
        var task = Rows.Task(1);
        for (var n = 1; n <= 1_000; n++)
        {
            bench.Commit(Rows.Event(n, task, n));
        }

        bench.Sidecar.BusAway = false;
        await bench.CursorAsync(1_000);
        Assert.Equal(1_000, bench.Packs().SelectMany(pack => pack.Events).Count());
        Assert.Equal(1_000, bench.Packs().SelectMany(pack => pack.Events).Select(each => each.EventId).Distinct().Count());
    }

    private sealed class Bench : IAsyncDisposable
    {
        private const int Page = 100;

        private readonly Lock _lock = new();
        private readonly List<EventRow> _rows;
        private readonly CountedMetrics _metrics = new();
        private readonly BusPublisher _bus;
        private readonly EventPublisher _publisher;
        private TaskCompletionSource _saved = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long _cursor;

        public Bench(EventOptions? options = null, long cursor = 0, IReadOnlyList<EventRow>? leftOver = null)
        {
            _rows = [.. leftOver ?? []];
            _cursor = cursor;
            _bus = new BusPublisher(Sidecar.Client(), Time);
            _publisher = new EventPublisher(
                new EventStore(_ => Task.FromResult(Cursor), SaveCursor, ReadAfter),
                _bus, new FixedOptions<EventOptions>(options ?? new EventOptions()), new FixedOptions<LaneOptions>(new LaneOptions()), Time, _metrics.Metrics, NullLogger<EventPublisher>.Instance);
        }

        public CounterReadings Counts => _metrics.Counts;

        public ManualTime Time { get; } = new();

        public ScriptedSidecar Sidecar { get; } = new();

        public long Cursor => Interlocked.Read(ref _cursor);

        public Task StartAsync() => _publisher.StartAsync(CancellationToken.None);

        public void Commit(params EventRow[] rows)
        {
            lock (_lock)
            {
                _rows.AddRange(rows);
            }

            _publisher.OnCommitted(new CommittedBatch { Outbox = [], Endings = [], Events = rows });
        }

        public Task PublishedAsync(int count) => Time.RunUntilAsync(Sidecar.UntilAsync(() => Sidecar.Messages.Count >= count));

        public Task CursorAsync(long cursor) => Time.RunUntilAsync(UntilCursorAsync(cursor));

        public IReadOnlyList<TaskEvents> Packs() => [.. Sidecar.Messages.Select(message => JsonSerializer.Deserialize(message.Body, BeamlineJson.Default.TaskEvents)!)];

        public async ValueTask DisposeAsync()
        {
            await _publisher.StopAsync(CancellationToken.None);
            _publisher.Dispose();
            _bus.Dispose();
            _metrics.Dispose();
            Sidecar.Dispose();
        }

        private async Task UntilCursorAsync(long cursor)
        {
            while (true)
            {
                var saved = _saved.Task;
                if (Cursor >= cursor)
                {
                    return;
                }

                await saved;
            }
        }

        private Task SaveCursor(long cursor, CancellationToken ct)
        {
            Interlocked.Exchange(ref _cursor, cursor);
            Interlocked.Exchange(ref _saved, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
            return Task.CompletedTask;
        }

        private Task<FeedPage<EventRow>> ReadAfter(long after, CancellationToken ct)
        {
            lock (_lock)
            {
                var rows = _rows.Where(row => row.Seq > after).Take(Page).ToList();
                return Task.FromResult(new FeedPage<EventRow>(rows, rows.Count == Page));
            }
        }
    }
}
