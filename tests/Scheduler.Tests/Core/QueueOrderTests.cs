using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Fairness;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>Random histories of the queue against the plainest model of its order. The seed is in the name of the failing case.</summary>
public sealed class QueueOrderTests
{
    private const long AgeingMs = 1_000;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Within_a_tenant_the_next_is_always_the_one_that_priority_age_and_arrival_say(int seed)
    {
        var random = new Random(seed);
        var queue = new Queue();
        var waiting = new List<TaskEntry>();
        var taken = new List<TaskEntry>();
        var now = 0L;
        for (var id = 1; id <= 400; id++)
        {
            now += random.Next(3) * random.Next(700);
            switch (random.Next(6))
            {
                case <= 2:
                    var added = Entry(id, "t", random.Next(10), now);
                    queue.Add(added);
                    waiting.Add(added);
                    break;
                case 3 when taken.Count > 0:
                    // Several come back at once, in any order.
                    foreach (var back in taken.Where(_ => random.Next(2) == 0).OrderBy(_ => random.Next()).ToList())
                    {
                        taken.Remove(back);
                        queue.Return(back);
                        waiting.Add(back);
                    }

                    break;
                case 4 when waiting.Count > 0:
                    var removed = waiting[random.Next(waiting.Count)];
                    queue.Remove(removed);
                    waiting.Remove(removed);
                    break;
                default:
                    var next = queue.Next();
                    Assert.Same(First(waiting), next);
                    if (next is not null)
                    {
                        queue.Take(next);
                        waiting.Remove(next);
                        taken.Add(next);
                    }

                    break;
            }

            Assert.Equal(waiting.Count, queue.Count);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Tenants_that_always_have_work_get_equal_shares_whatever_they_queue_and_cost(int seed)
    {
        var random = new Random(seed);
        var queue = new Queue();
        var costs = Enumerable.Range(0, 5).Select(_ => (double)random.Next(1, 20)).ToArray();
        var given = new double[costs.Length];
        var id = 0;
        for (var tenant = 0; tenant < costs.Length; tenant++)
        {
            for (var n = random.Next(1, 40); n > 0; n--)
            {
                queue.Add(Entry(++id, $"t{tenant}", random.Next(10), 0, costs[tenant]));
            }
        }

        for (var turn = 0; turn < 2_000; turn++)
        {
            var next = queue.Next()!;
            var tenant = int.Parse(next.Info.TenantId[1..], System.Globalization.CultureInfo.InvariantCulture);
            queue.Add(Entry(++id, next.Info.TenantId, random.Next(10), turn, costs[tenant]));
            queue.Take(next);
            given[tenant] += costs[tenant];
            Assert.True(given.Max() - given.Min() <= 2 * costs.Max(), $"after {turn} turns: {string.Join(' ', given)}");
        }
    }

    [Fact]
    public void Lines_of_workers_that_come_and_go_leave_nothing_behind()
    {
        s_registry = null;
        var queue = new PoolQueue(new SchedulingOptions());
        for (var id = 1; id <= 100; id++)
        {
            var worker = new WorkerState("w", "i", "io");
            var line = queue.LineOf(["http.request", $"version.{id}"]);
            line.Workers.Add(worker);
            var entry = Entry(id, "t", 0, id);
            queue.Add(entry, null, returns: false);
            queue.Take(line, entry);
            queue.Leave(line, worker);
        }

        Assert.Single(queue.Lines.Concat(Registry.StateOf("t", 0).Queues.Single().Seats.Select(seat => seat.Line)));
    }

    [Fact]
    public void Aliases_that_are_cancelled_one_after_the_other_are_not_kept()
    {
        var first = Entry(1, "t", 0, 0);
        for (var id = 2; id <= 10_000; id++)
        {
            first.AddAlias(Entry(id, "t", 0, 0));
            first.Aliases![^1].Phase = id % 1_000 == 0 ? TaskPhase.Queued : TaskPhase.Cancelled;
        }

        Assert.Equal(10, first.Aliases!.Count(alias => !alias.Phase.IsFinal()));
        Assert.InRange(first.Aliases!.Count, 10, 64);
    }

    private static TaskEntry? First(List<TaskEntry> waiting) => waiting
        .OrderBy(entry => entry.QueuedAt - (entry.Info.Priority * AgeingMs))
        .ThenByDescending(entry => entry.Info.Priority)
        .ThenBy(entry => entry.Info.Id)
        .FirstOrDefault();

    private static TaskEntry Entry(long id, string tenant, int priority, long queuedAt, double cost = 1) =>
        new(Template with { Id = id, Priority = priority, Cost = cost, TenantId = tenant }, Registry.StateOf(tenant, 0)) { QueuedAt = queuedAt };

    private static readonly TaskInfo Template = Rows.Task(1);

    [ThreadStatic]
    private static TenantRegistry? s_registry;

    private static TenantRegistry Registry => s_registry ??= new TenantRegistry(new TenantsOptions());

    /// <summary>A pool's queue with one line of workers, each with all the room there is.</summary>
    private sealed class Queue
    {
        private static readonly string[] Offers = ["http.request"];
        private readonly PoolQueue _queue = new(new SchedulingOptions { AgeingStep = TimeSpan.FromMilliseconds(AgeingMs) });
        private readonly WorkerState _worker = new("w", "i", "io");
        private readonly WorkerLine _line;

        public Queue()
        {
            s_registry = null;
            _line = _queue.LineOf(Offers);
        }

        public int Count => _queue.Count;

        public void Add(TaskEntry entry) => _queue.Add(entry, null, returns: false);

        public void Return(TaskEntry entry) => _queue.Add(entry, null, returns: true);

        public void Remove(TaskEntry entry) => _queue.Remove(entry);

        public TaskEntry? Next() => _queue.Next(_line, new WorkerRoom(1_000, int.MaxValue, IsEmpty: true, HasLastChance: false), _worker);

        public void Take(TaskEntry entry) => _queue.Take(_line, entry);
    }
}
