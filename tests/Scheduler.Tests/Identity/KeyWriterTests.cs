using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Identity;
using Beamline.Scheduler.Lanes;
using Beamline.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Identity;

public sealed class KeyWriterTests
{
    [Fact]
    public async Task Keys_are_written_with_30_days_to_live_and_confirmed_afterwards()
    {
        await using var bench = new Bench();
        await bench.StartAsync();
        bench.Commit(Rows.Ending(Rows.Task(1)));
        await bench.DueAsync(0);
        var task = Rows.Task(1);
        Assert.Contains(StepIdentity.StateKey(task.Identity), bench.Sidecar.State.Keys);
        Assert.Contains(StepIdentity.AssignmentStateKey(task.TenantId, task.AssignmentId), bench.Sidecar.State.Keys);
        var (path, body) = Assert.Single(bench.Sidecar.StateCalls);
        Assert.EndsWith("/transaction", path, StringComparison.Ordinal);
        using var sent = JsonDocument.Parse(body);
        Assert.All(
            sent.RootElement.GetProperty("operations").EnumerateArray(),
            operation => Assert.Equal("2592000", operation.GetProperty("request").GetProperty("metadata").GetProperty("ttlInSeconds").GetString()));
    }

    [Fact]
    public async Task A_step_without_flow_and_step_has_one_key()
    {
        await using var bench = new Bench();
        await bench.StartAsync();
        var task = Rows.Task(1, plain: true);
        bench.Commit(Rows.Ending(task));
        await bench.DueAsync(0);
        Assert.Equal(StepIdentity.StateKey(task.Identity), Assert.Single(bench.Sidecar.State.Keys));
    }

    [Theory]
    [InlineData("state.redis", true)]
    [InlineData("state.other", false)]
    public async Task Where_a_transaction_does_not_help_an_array_is_sent(string type, bool transactional)
    {
        await using var bench = new Bench();
        (bench.Sidecar.StoreType, bench.Sidecar.Capabilities) = (type, transactional ? ["ETAG", "TRANSACTIONAL", "TTL"] : ["ETAG"]);
        await bench.StartAsync();
        bench.Commit(Rows.Ending(Rows.Task(1)));
        await bench.DueAsync(0);
        Assert.DoesNotContain(bench.Sidecar.StateCalls, call => call.Path.EndsWith("/transaction", StringComparison.Ordinal));
        Assert.Equal(2, bench.Sidecar.State.Count);
    }

    [Fact]
    public async Task An_alias_leaves_the_key_of_the_step_to_the_task_that_ran()
    {
        await using var bench = new Bench();
        await bench.StartAsync();
        bench.Commit(Rows.Ending(Rows.Task(2, aliasOf: 1), new string('1', 20_000)));
        await bench.DueAsync(0);
        Assert.DoesNotContain(StepIdentity.StateKey(Rows.Task(1).Identity), bench.Sidecar.State.Keys);
        Assert.DoesNotContain(StepIdentity.ResultStateKey(Rows.Task(1).Identity), bench.Sidecar.State.Keys);
        Assert.Equal(2, bench.Sidecar.State.Count);
    }

    [Fact]
    public async Task While_the_store_is_away_keys_stay_due_and_are_written_when_it_is_back()
    {
        await using var bench = new Bench();
        bench.Sidecar.StoreAway = true;
        await bench.StartAsync();
        bench.Commit([.. Enumerable.Range(1, 300).Select(id => Rows.Ending(Rows.Task(id)))]);
        await bench.Time.RunUntilAsync(bench.Sidecar.UntilAsync(() => bench.Sidecar.StateCalls.Count >= 10));
        Assert.Equal(300, bench.Due);
        bench.Sidecar.StoreAway = false;
        await bench.DueAsync(0);
        Assert.Equal(600, bench.Sidecar.State.Count);
    }

    [Fact]
    public async Task One_value_that_the_store_refuses_keeps_no_other_key_from_being_written()
    {
        await using var bench = new Bench();
        bench.Sidecar.Poison = "POISON";
        await bench.StartAsync();
        bench.Commit([.. Enumerable.Range(1, 200).Select(id => Rows.Ending(Rows.Task(id), id == 77 ? """{"id":"POISON"}""" : null))]);
        await bench.DueAsync(1);
        Assert.Equal(398, bench.Sidecar.State.Count);
    }

    [Fact]
    public async Task How_long_a_step_is_remembered_and_how_large_a_result_lies_beside_its_keys_is_set()
    {
        await using var bench = new Bench(identity: new IdentityOptions { RememberFor = TimeSpan.FromHours(1), InlineResultBytes = 100 });
        await bench.StartAsync();
        bench.Commit(Rows.Ending(Rows.Task(1), "\"" + new string('x', 200) + "\""), Rows.Ending(Rows.Task(2), "2"));
        await bench.DueAsync(0);
        Assert.Equal(5, bench.Sidecar.State.Count);
        Assert.Single(bench.Sidecar.State, entry => entry.Value.Length > 200);
        Assert.All(bench.Sidecar.StateCalls, call => Assert.Contains("\"ttlInSeconds\":\"3600\"", call.Body, StringComparison.Ordinal));
        Assert.Equal(2, bench.Counts["scheduler_rows_sent_total lane=identity-keys outcome=left"]);
    }

    [Fact]
    public async Task At_start_it_goes_on_with_what_is_due()
    {
        await using var bench = new Bench(leftOver: [.. Enumerable.Range(1, 250).Select(id => Rows.Ending(Rows.Task(id)))]);
        await bench.StartAsync();
        await bench.DueAsync(0);
        Assert.Equal(500, bench.Sidecar.State.Count);
    }

    [Fact]
    public async Task Ends_in_any_order_that_find_no_room_in_memory_are_read_from_the_ledger()
    {
        await using var bench = new Bench(new LaneOptions { BufferedRows = 10, BatchRows = 8 });
        bench.Sidecar.StoreAway = true;
        await bench.StartAsync();
        foreach (var id in Enumerable.Range(1, 700).Reverse())
        {
            bench.Commit(Rows.Ending(Rows.Task(id)));
        }

        bench.Sidecar.StoreAway = false;
        await bench.DueAsync(0);
        Assert.Equal(1_400, bench.Sidecar.State.Count);
    }

    [Fact]
    public async Task Keys_that_come_during_the_pause_share_a_transaction()
    {
        await using var bench = new Bench(new LaneOptions { Gather = TimeSpan.FromMilliseconds(100) });
        await bench.StartAsync();
        bench.Commit(Rows.Ending(Rows.Task(1)));
        await bench.Sidecar.UntilAsync(() => bench.Sidecar.StateCalls.Count == 1);
        bench.Commit(Rows.Ending(Rows.Task(2)));
        bench.Commit(Rows.Ending(Rows.Task(3)));
        await bench.DueAsync(0);
        Assert.Equal(2, bench.Sidecar.StateCalls.Count);
    }

    private sealed class Bench : IAsyncDisposable
    {
        private const int Page = 100;

        private readonly Lock _lock = new();
        private readonly SortedDictionary<long, TaskEnding> _due = [];
        private readonly CountedMetrics _metrics = new();
        private readonly KeyWriter _writer;
        private TaskCompletionSource _confirmed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Bench(LaneOptions? options = null, IReadOnlyList<TaskEnding>? leftOver = null, IdentityOptions? identity = null)
        {
            foreach (var ending in leftOver ?? [])
            {
                _due.Add(ending.Task.Id, ending);
            }

            _writer = new KeyWriter(
                new DueKeyStore(ReadDue, Confirm),
                new KeyStore(Sidecar.Client(), NullLogger<KeyStore>.Instance),
                new FixedOptions<IdentityOptions>(identity ?? new IdentityOptions()),
                new FixedOptions<LaneOptions>(options ?? new LaneOptions()),
                Time,
                _metrics.Metrics,
                NullLogger<KeyWriter>.Instance);
        }

        public CounterReadings Counts => _metrics.Counts;

        public ManualTime Time { get; } = new();

        public ScriptedSidecar Sidecar { get; } = new();

        public int Due
        {
            get
            {
                lock (_lock)
                {
                    return _due.Count;
                }
            }
        }

        public Task StartAsync() => _writer.StartAsync(CancellationToken.None);

        public void Commit(params TaskEnding[] endings)
        {
            lock (_lock)
            {
                foreach (var ending in endings)
                {
                    _due.Add(ending.Task.Id, ending);
                }
            }

            _writer.OnCommitted(new CommittedBatch { Outbox = [], Endings = endings, Events = [] });
        }

        public Task DueAsync(int count) => Time.RunUntilAsync(UntilDueAsync(count));

        public async ValueTask DisposeAsync()
        {
            await _writer.StopAsync(CancellationToken.None);
            _writer.Dispose();
            _metrics.Dispose();
            Sidecar.Dispose();
        }

        private async Task UntilDueAsync(int count)
        {
            while (true)
            {
                var confirmed = _confirmed.Task;
                if (Due <= count)
                {
                    return;
                }

                await confirmed;
            }
        }

        private Task<FeedPage<DueKey>> ReadDue(long after, CancellationToken ct)
        {
            lock (_lock)
            {
                var rows = _due.Values.Where(ending => ending.Task.Id > after).Take(Page).Select(DueKey.Of).ToList();
                return Task.FromResult(new FeedPage<DueKey>(rows, rows.Count == Page));
            }
        }

        private Task Confirm(IReadOnlyList<long> ids, CancellationToken ct)
        {
            lock (_lock)
            {
                foreach (var id in ids)
                {
                    _due.Remove(id);
                }
            }

            Interlocked.Exchange(ref _confirmed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
            return Task.CompletedTask;
        }
    }
}
