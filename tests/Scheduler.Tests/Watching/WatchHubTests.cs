using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Watching;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Watching;

public sealed class WatchHubTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public async Task A_result_reaches_the_watcher_that_admitted_it_and_the_one_that_asked_for_it_and_nobody_else()
    {
        var hub = Hub();
        var (admitted, asked, other) = (hub.Open("admitted")!, hub.Open("asked")!, hub.Open("other")!);
        var task = Rows.Task(1);
        hub.Await("asked", [new TaskKey(task.TenantId, task.AssignmentId)]);
        Commit(hub, Rows.Ending(task, """{"exact":1}""", "admitted"));
        foreach (var stream in (WatchStream[])[admitted, asked])
        {
            var line = await NextAsync(stream);
            Assert.Equal("""{"exact":1}""", Assert.Single(line!).Result.ToString());
        }

        Assert.True(await IsSilentAsync(other));
    }

    [Fact]
    public async Task A_result_is_told_once_although_the_watcher_admitted_it_and_asked_for_it()
    {
        var hub = Hub();
        var stream = hub.Open("w")!;
        var task = Rows.Task(1);
        hub.Await("w", [new TaskKey(task.TenantId, task.AssignmentId)]);
        Commit(hub, Rows.Ending(task, null, "w"));
        Assert.Single((await NextAsync(stream))!);
        Assert.True(await IsSilentAsync(stream));
    }

    [Fact]
    public async Task A_newer_stream_of_a_watcher_ends_the_older_one_and_gets_the_results()
    {
        var hub = Hub();
        var older = hub.Open("w")!;
        var newer = hub.Open("w")!;
        Commit(hub, Rows.Ending(Rows.Task(1), null, "w"));
        Assert.Null(await NextAsync(older));
        Assert.Single((await NextAsync(newer))!);
        hub.Close("w", older);
        Commit(hub, Rows.Ending(Rows.Task(2), null, "w"));
        Assert.Single((await NextAsync(newer))!);
    }

    [Fact]
    public async Task A_watcher_that_reads_too_slowly_loses_its_stream_and_no_other_does()
    {
        var hub = Hub(new WatchOptions { BufferedResults = 3 });
        var (slow, quick) = (hub.Open("slow")!, hub.Open("quick")!);
        for (var n = 1; n <= 4; n++)
        {
            Commit(hub, Rows.Ending(Rows.Task(n), null, "slow", "quick"));
            Assert.Single((await NextAsync(quick))!);
        }

        Assert.Equal(3, (await NextAsync(slow))!.Count);
        Assert.Null(await NextAsync(slow));
        Assert.NotNull(hub.Open("slow"));
    }

    [Fact]
    public async Task The_buffer_is_bounded_in_bytes_too()
    {
        var hub = Hub(new WatchOptions { BufferedBytes = 1_000 });
        var stream = hub.Open("w")!;
        Commit(hub, Rows.Ending(Rows.Task(1), new string('1', 600), "w"), Rows.Ending(Rows.Task(2), new string('1', 600), "w"));
        Assert.Single((await NextAsync(stream))!);
        Assert.Null(await NextAsync(stream));
    }

    [Fact]
    public async Task Lines_are_cut_by_bytes()
    {
        var hub = Hub(new WatchOptions { LineBytes = 1_000 });
        var stream = hub.Open("w")!;
        Commit(hub, [.. Enumerable.Range(1, 3).Select(n => Rows.Ending(Rows.Task(n), new string('1', 400), "w"))]);
        Assert.Equal(2, (await NextAsync(stream))!.Count);
        Assert.Single((await NextAsync(stream))!);
    }

    [Fact]
    public async Task Interest_survives_a_short_absence_and_is_dropped_after_a_minute()
    {
        var hub = Hub();
        var (near, far) = (Rows.Task(1), Rows.Task(2));
        hub.Await("w", [new TaskKey(near.TenantId, near.AssignmentId), new TaskKey(far.TenantId, far.AssignmentId)]);
        _time.Advance(TimeSpan.FromSeconds(59));
        hub.DropGone();
        var stream = hub.Open("w")!;
        Commit(hub, Rows.Ending(near));
        Assert.Single((await NextAsync(stream))!);

        hub.Close("w", stream);
        _time.Advance(TimeSpan.FromSeconds(61));
        hub.DropGone();
        var later = hub.Open("w")!;
        Commit(hub, Rows.Ending(far));
        Assert.True(await IsSilentAsync(later));
    }

    [Fact]
    public async Task An_absent_watcher_is_remembered_for_ForgetAfter_and_a_silent_stream_told_after_KeepAlive()
    {
        var hub = Hub(new WatchOptions { ForgetAfter = TimeSpan.FromSeconds(10), KeepAlive = TimeSpan.FromSeconds(2), Watchers = 1 });
        var stream = hub.Open("a")!;
        var next = NextAsync(stream);
        await _time.WaitsAsync(TimeSpan.FromSeconds(2));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Empty((await next)!);
        hub.Close("a", stream);
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.Null(hub.Open("b"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(hub.Open("b"));
    }

    [Fact]
    public void Beyond_its_bound_a_new_watcher_is_refused_until_another_is_forgotten()
    {
        var hub = Hub(new WatchOptions { Watchers = 2 });
        hub.Open("a");
        Assert.True(hub.Await("b", []));
        Assert.Null(hub.Open("c"));
        Assert.False(hub.Await("c", []));
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.NotNull(hub.Open("c"));
    }

    [Fact]
    public async Task Beyond_its_bound_the_oldest_awaited_task_is_forgotten()
    {
        var hub = Hub(new WatchOptions { AwaitedTasks = 2 });
        var stream = hub.Open("w")!;
        hub.Await("w", [.. Enumerable.Range(1, 3).Select(n => new TaskKey("tenant-a", $"assign-{n}"))]);
        Commit(hub, [.. Enumerable.Range(1, 3).Select(n => Rows.Ending(Rows.Task(n)))]);
        Assert.Equal(["assign-2", "assign-3"], (await NextAsync(stream))!.Select(each => each.AssignmentId));
    }

    [Fact]
    public void Awaiting_many_tasks_one_after_the_other_keeps_memory_bounded()
    {
        var awaited = new AwaitedTasks(10);
        for (var n = 0; n < 10_000; n++)
        {
            Assert.True(awaited.Add(new TaskKey("t", $"a{n}")));
            Assert.True(awaited.Remove(new TaskKey("t", $"a{n}")));
        }

        Assert.Equal(0, awaited.Count);
        Assert.InRange(awaited.Remembered, 0, 21);
    }

    [Fact]
    public async Task At_shutdown_every_stream_ends_after_what_it_holds_and_no_new_one_opens()
    {
        var hub = Hub();
        var stream = hub.Open("w")!;
        Commit(hub, Rows.Ending(Rows.Task(1), null, "w"));
        hub.CloseAll();
        Assert.Single((await NextAsync(stream))!);
        Assert.Null(await NextAsync(stream));
        Assert.Null(hub.Open("w"));
    }

    private WatchHub Hub(WatchOptions? options = null) => new(new FixedOptions<WatchOptions>(options ?? new WatchOptions()), _time, NullLogger<WatchHub>.Instance);

    private static void Commit(WatchHub hub, params TaskEnding[] endings) =>
        hub.OnCommitted(new CommittedBatch { Outbox = [], Endings = endings, Events = [] });

    /// <summary>A result that does not come fails the test, and does not hang it.</summary>
    private static Task<IReadOnlyList<TaskEnded>?> NextAsync(WatchStream stream) =>
        stream.NextAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

    /// <summary>Nothing but a keep-alive comes.</summary>
    private async Task<bool> IsSilentAsync(WatchStream stream)
    {
        var next = NextAsync(stream);
        await _time.WaitsAsync(TimeSpan.FromSeconds(5));
        _time.Advance(TimeSpan.FromSeconds(5));
        return (await next) is { Count: 0 };
    }
}
