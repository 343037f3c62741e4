using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Replaying;
using Beamline.Scheduler.Retention;
using Beamline.Scheduler.Tests.Engine;
using Beamline.Scheduler.Watching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Replaying;

/// <summary>Many dead letters at a rate, over restarts, within bounds.</summary>
public sealed class BulkReplayTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_is_replayed_once_although_the_scheduler_goes_down_in_the_middle()
    {
        var ids = Enumerable.Range(1, 40).Select(n => $"a{n}").ToArray();
        var scheduler = await ReplayBench.StartAsync();
        await scheduler.FailAsync(ids);
        var replay = (await scheduler.ReplayAsync(ReplayBench.Ask() with { Rate = 40 })).ReplayId!;
        for (var half = 1; half <= 2; half++)
        {
            var (restart, some) = (half, half * 10);
            await ReplayBench.UntilAsync(async () => (await scheduler.ProgressAsync(replay)).Replayed >= some);
            var kept = await scheduler.LeaveAsync();
            scheduler = await SchedulerFixture.StartAsync(kept, settings: ("Replay:Every", $"00:00:00.0{restart}0"));
        }

        await scheduler.ThroughAsync(replay);
        Assert.Equal((40, 40, 0), (await scheduler.ProgressAsync(replay) is var told ? told.Total : 0, told.Replayed, told.Refused));
        Assert.Equal(40, await scheduler.CountAsync("SELECT count(*) FROM tasks WHERE replay = 1"));
        Assert.Equal(40, await scheduler.CountAsync("SELECT count(DISTINCT replayed_as) FROM dead_letters"));
        await scheduler.FinishAsync(40);
        await scheduler.DisposeAsync();
    }

    [Fact]
    public async Task A_kill_after_the_request_and_between_its_turns_loses_and_repeats_nothing()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        await scheduler.FailAsync([.. Enumerable.Range(1, 20).Select(n => $"a{n}")]);
        var replay = (await scheduler.ReplayAsync(ReplayBench.Ask() with { Rate = 30 })).ReplayId!;
        await ReplayBench.UntilAsync(async () => (await scheduler.ProgressAsync(replay)).Replayed >= 3);

        // The files as a killed process would leave them, while the process goes on.
        var copy = Directory.CreateTempSubdirectory("beamline-ledger-").FullName;
        foreach (var file in Directory.GetFiles(scheduler.Folder).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal) && !file.EndsWith("-shm", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        await using var successor = await SchedulerFixture.StartAsync(copy);
        await successor.ThroughAsync(replay);
        Assert.Equal(20, await successor.CountAsync("SELECT count(*) FROM tasks WHERE replay = 1"));
        Assert.Equal(20, (await successor.ProgressAsync(replay)).Replayed);
    }

    [Fact]
    public async Task A_filter_takes_what_fits_all_of_it_and_a_dry_run_only_counts()
    {
        await using var scheduler = await ReplayBench.StartAsync(("DeadLetters:OperatorTenant", "t"));
        await scheduler.FailAsync("a1", "a2", "a3");
        await scheduler.PoisonAsync("""{"assignment_id":"poison","tenant_id":"t" """);
        var letters = new List<DeadLetter>();
        foreach (var id in (string[])["a1", "a2", "a3"])
        {
            letters.Add((await scheduler.InspectAsync(await scheduler.DeadLetterOfAsync(id)))!);
        }

        async Task<(int, int)> CountAsync(ReplayFilter filter) =>
            await scheduler.ReplayAsync(ReplayBench.Ask() with { Filter = filter, DryRun = true }) is { ReplayId: null } counted ? (counted.Accepted, counted.Refused) : (-1, -1);

        Assert.Equal((3, 1), await CountAsync(new ReplayFilter()));
        Assert.Equal((3, 0), await CountAsync(new ReplayFilter { Reason = "execution_failed" }));
        Assert.Equal((0, 1), await CountAsync(new ReplayFilter { Reason = "invalid_format" }));
        Assert.Equal((3, 0), await CountAsync(new ReplayFilter { BlockType = "crypto.hash" }));
        Assert.Equal((0, 0), await CountAsync(new ReplayFilter { BlockType = "http.request" }));
        Assert.Equal((0, 0), await CountAsync(new ReplayFilter { Since = letters.Max(letter => letter.DeadLetteredAt) + 60_000 }));
        Assert.Equal((0, 0), await CountAsync(new ReplayFilter { Until = letters.Min(letter => letter.DeadLetteredAt) - 1 }));
        Assert.Equal((3, 1), await CountAsync(new ReplayFilter { Since = letters.Min(letter => letter.DeadLetteredAt) }));
        Assert.Equal((1, 1), await CountAsync(new ReplayFilter { Ids = [letters[1].DeadLetterId, "dl-0"] }));
        Assert.Equal(0, await scheduler.CountAsync("SELECT count(*) FROM replays"));

        var asked = await scheduler.ReplayAsync(ReplayBench.Ask() with { Max = 2 });
        Assert.Equal((2, true), (asked.Accepted, asked.More));
        Assert.NotNull((await scheduler.InspectAsync(letters[0].DeadLetterId))!.Replayed);
        Assert.Null((await scheduler.InspectAsync(letters[2].DeadLetterId))!.Replayed);
        Assert.Equal((1, 1), await CountAsync(new ReplayFilter()));
    }

    [Theory]
    [InlineData("rate", 101.0, null, null, null)]
    [InlineData("rate", 0.0, null, null, null)]
    [InlineData("rate", double.NegativeInfinity, null, null, null)]
    [InlineData("max", null, 0, null, null)]
    [InlineData("max", null, 10_001, null, null)]
    [InlineData("filter.since", null, null, 2L, null)]
    [InlineData("filter.block_type", null, null, null, "no.such")]
    public async Task A_faulty_request_is_told_what_is_wrong(string field, double? rate, int? max, long? since, string? type)
    {
        await using var scheduler = await ReplayBench.StartAsync();
        var requests = scheduler.Services.GetRequiredService<ReplayRequests>();
        var answer = (await requests.ReplayAsync(
            new ReplayDeadLettersRequest { TenantId = "t", Rate = rate, Max = max, Filter = new ReplayFilter { Since = since, Until = 1, BlockType = type } }, Token))!;
        Assert.Equal((1001, field), (answer.Error!.Number, answer.Error.Field));
    }

    [Fact]
    public async Task A_null_among_the_ids_is_told()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        var requests = scheduler.Services.GetRequiredService<ReplayRequests>();
        var answer = (await requests.ReplayAsync(new ReplayDeadLettersRequest { TenantId = "t", Filter = new ReplayFilter { Ids = ["dl-1", null!] } }, Token))!;
        Assert.Equal((1001, "filter.ids"), (answer.Error!.Number, answer.Error.Field));
    }

    [Fact]
    public async Task DefaultLetters_and_MaxLetters_bound_a_request()
    {
        await using var scheduler = await ReplayBench.StartAsync(("Replay:DefaultLetters", "1"), ("Replay:MaxLetters", "2"));
        await scheduler.FailAsync("a1", "a2", "a3");
        Assert.Equal((1, true), (await scheduler.ReplayAsync(ReplayBench.Ask() with { DryRun = true }) is var counted ? counted.Accepted : 0, counted.More));
        Assert.Equal(2, (await scheduler.ReplayAsync(ReplayBench.Ask() with { DryRun = true, Max = 2 })).Accepted);
        Assert.Equal("max", (await scheduler.ReplayAsync(ReplayBench.Ask() with { DryRun = true, Max = 3 })).Error!.Field);
    }

    [Fact]
    public async Task DefaultRate_and_MaxRate_say_how_fast()
    {
        await using var scheduler = await ReplayBench.StartAsync(("Replay:DefaultRate", "3"), ("Replay:MaxRate", "5"));
        await scheduler.FailAsync("a");
        var asked = await scheduler.ReplayAsync(ReplayBench.Ask(await scheduler.DeadLetterOfAsync("a")) with { Rate = null });
        Assert.Equal(3, (await scheduler.ProgressAsync(asked.ReplayId!)).Rate);
        Assert.Equal("rate", (await scheduler.ReplayAsync(ReplayBench.Ask() with { Rate = 6 })).Error!.Field);
    }

    [Fact]
    public async Task MaxReplays_ends_the_replays_of_one_assignment()
    {
        await using var scheduler = await ReplayBench.StartAsync(("Replay:MaxReplays", "1"));
        await scheduler.FailAsync("a");
        await scheduler.ReplayAsync(await scheduler.DeadLetterOfAsync("a"));
        await scheduler.FailQueuedAsync(1);
        Assert.Equal(ReplayRefusals.TooManyReplays, (await scheduler.ReplayAsync(await scheduler.DeadLetterOfAsync("a"))).Refusals![0].Reason);
    }

    [Fact]
    public async Task MaxAliases_bounds_who_is_told_of_a_replay_beside_its_own_assignment()
    {
        await using var scheduler = await ReplayBench.StartAsync(("Replay:MaxAliases", "1"));
        const string Step = "\"flow_id\":\"f\",\"step_id\":\"s\",";
        await scheduler.AdmitAsync(null, EngineHarness.Item("a", more: Step), EngineHarness.Item("b", more: Step), EngineHarness.Item("c", more: Step));
        await scheduler.FailQueuedAsync(1);
        await scheduler.ReplayAsync(await scheduler.DeadLetterOfAsync("a"));
        await scheduler.FinishAsync(1);
        Assert.Equal((TaskStates.Success, TaskStates.Error), ((await scheduler.TaskAsync("b")).State, (await scheduler.TaskAsync("c")).State));
    }

    [Theory]
    [InlineData("Replay:MaxWaitingPerTenant", 2004)]
    [InlineData("Replay:MaxWaiting", 4002)]
    public async Task So_many_requests_may_wait_and_the_next_is_refused(string option, int code)
    {
        await using var scheduler = await ReplayBench.StartAsync((option, "1"), ("Tenants:Default:MaxQueued", "2"));
        await scheduler.FailAsync("a1", "a2");
        await scheduler.AdmitAsync(null, EngineHarness.Item("open-1"), EngineHarness.Item("open-2"));
        var (first, second) = (await scheduler.DeadLetterOfAsync("a1"), await scheduler.DeadLetterOfAsync("a2"));
        Assert.Equal(1, (await scheduler.ReplayAsync(first)).Accepted);
        var refused = await scheduler.ReplayAsync(second);
        Assert.Equal((code, null), (refused.Error!.Number, refused.ReplayId));
        Assert.NotNull(refused.Error.RetryAfterMs);
        await scheduler.FinishAsync(3);
        Assert.Equal(1, (await scheduler.ReplayAsync(second)).Accepted);
    }

    [Fact]
    public async Task What_waits_and_what_was_replayed_outlives_retention_and_then_goes_with_its_replays()
    {
        await using var scheduler = await ReplayBench.StartAsync(("Tenants:Default:MaxQueued", "1"));
        await scheduler.FailAsync("a");
        await scheduler.AdmitAsync(null, EngineHarness.Item("open"));
        var letter = await scheduler.DeadLetterOfAsync("a");
        await scheduler.ReplayAsync(letter);
        await PurgeAllAsync(scheduler, new RetentionOptions { DeadLetters = TimeSpan.FromTicks(1), MaxDeadLetters = 1, FinishedTasks = TimeSpan.FromTicks(1), KeepAtLeast = TimeSpan.Zero });
        Assert.NotNull(await scheduler.InspectAsync(letter));

        await scheduler.FinishAsync(2);
        await PurgeAllAsync(scheduler, new RetentionOptions { FinishedTasks = TimeSpan.FromTicks(1), KeepAtLeast = TimeSpan.Zero });
        Assert.Equal(TaskStates.Success, (await scheduler.InspectAsync(letter))!.Replayed!.TaskState);
        Assert.Equal(2, await scheduler.CountAsync("SELECT count(*) FROM tasks"));
        await PurgeAllAsync(scheduler, new RetentionOptions { DeadLetters = TimeSpan.FromTicks(1), FinishedTasks = TimeSpan.FromTicks(1), KeepAtLeast = TimeSpan.Zero });
        await PurgeAllAsync(scheduler, new RetentionOptions { FinishedTasks = TimeSpan.FromTicks(1), KeepAtLeast = TimeSpan.Zero });
        Assert.Equal(0, await scheduler.CountAsync("SELECT (SELECT count(*) FROM tasks) + (SELECT count(*) FROM dead_letters) + (SELECT count(*) FROM replays)"));
    }

    [Fact]
    public void So_many_a_second_go_through_and_what_was_not_taken_is_not_saved_up()
    {
        var time = new ManualTime();
        var pace = new ReplayPace(20, TimeSpan.FromMilliseconds(100), time);
        Assert.Equal(1, pace.Due());
        pace.Take(1);
        Assert.Equal(0, pace.Due());
        time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.Equal(1, pace.Due());
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(2, pace.Due());
        pace.Take(2);
        var gone = 0;
        for (var turn = 0; turn < 100; turn++)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            var due = pace.Due();
            pace.Take(due);
            gone += due;
        }

        Assert.Equal(200, gone);
    }

    [Fact]
    public void Less_than_one_a_turn_still_goes_through()
    {
        var time = new ManualTime();
        var pace = new ReplayPace(0.5, TimeSpan.FromMilliseconds(100), time);
        pace.Take(pace.Due());
        time.Advance(TimeSpan.FromMilliseconds(1_900));
        Assert.Equal(0, pace.Due());
        time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal(1, pace.Due());
    }

    private static async Task PurgeAllAsync(SchedulerFixture scheduler, RetentionOptions options)
    {
        await ReplayBench.UntilAsync(async () =>
            await scheduler.CountAsync("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM tasks WHERE state >= 10 AND key_confirmed = 0)") == 0
            && await scheduler.CountAsync("SELECT count(*) FROM events WHERE seq > (SELECT value FROM meta WHERE name = 'events_published')") == 0);
        await new RetentionLoop(
            scheduler.Services.GetRequiredService<LedgerStore>(),
            scheduler.Services.GetRequiredService<PurgeTasks>(),
            scheduler.Services.GetRequiredService<WatchHub>(),
            new FixedOptions<RetentionOptions>(options),
            TimeProvider.System,
            NullLogger<RetentionLoop>.Instance).RunOnceAsync(Token);
    }
}
