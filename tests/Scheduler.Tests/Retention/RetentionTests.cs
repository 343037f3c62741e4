using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Identity;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Retention;
using Beamline.Scheduler.Tests.Engine;
using Beamline.Scheduler.Watching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Retention;

public sealed class RetentionTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ended_tasks_go_when_they_are_old_and_all_that_they_owe_is_out_and_open_ones_stay()
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings: ("Events:SaveCursorEvery", "00:00:00.010"));
        await scheduler.AdmitAsync(null, EngineHarness.Item("ended"));
        await scheduler.FinishAsync(1);
        await scheduler.AdmitAsync(null, EngineHarness.Item("open"));
        await SettledAsync(scheduler);
        await PurgeAsync(scheduler, new RetentionOptions { FinishedTasks = TimeSpan.FromHours(1) });
        Assert.Equal(2, await CountAsync(scheduler));
        await PurgeAsync(scheduler, new RetentionOptions { FinishedTasks = TimeSpan.FromTicks(1), KeepAtLeast = TimeSpan.Zero });
        Assert.Equal(1, await CountAsync(scheduler));
    }

    [Fact]
    public async Task Beyond_the_bound_the_oldest_ended_tasks_go_early_but_not_before_the_least_time()
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings: ("Events:SaveCursorEvery", "00:00:00.010"));
        await scheduler.AdmitAsync(null, [.. Enumerable.Range(1, 10).Select(n => EngineHarness.Item($"a{n}"))]);
        await scheduler.FinishAsync(10);
        await SettledAsync(scheduler);
        await PurgeAsync(scheduler, new RetentionOptions { MaxTasks = 4 });
        Assert.Equal(10, await CountAsync(scheduler));
        await PurgeAsync(scheduler, new RetentionOptions { MaxTasks = 4, KeepAtLeast = TimeSpan.Zero, Batch = 3 });
        Assert.Equal(4, await CountAsync(scheduler));
    }

    [Fact]
    public async Task While_keys_are_not_confirmed_nothing_goes()
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings: [("Events:SaveCursorEvery", "00:00:00.010"), ("Identity:WhenStateAway", "ledger-only")]);
        scheduler.Sidecar.StoreAway = true;
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        await scheduler.FinishAsync(1);
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.Result));
        await PurgeAsync(scheduler, new RetentionOptions { FinishedTasks = TimeSpan.FromTicks(1), KeepAtLeast = TimeSpan.Zero });
        Assert.Equal(1, await CountAsync(scheduler));
    }

    [Fact]
    public async Task Dead_letters_are_listed_newest_first_and_go_beyond_their_number()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        for (var n = 1; n <= 5; n++)
        {
            await scheduler.DeliverAsync("/bus/assign/01", System.Text.Encoding.UTF8.GetBytes($$"""{"assignment_id":"a{{n}}","tenant_id":"t" """));
        }

        await scheduler.PublishedAsync(messages => messages.Count(message => message.Topic == Topics.DeadLetters) == 5);
        var ledger = scheduler.Services.GetRequiredService<LedgerStore>();
        await UntilAsync(async () => await OutboxRowsAsync(ledger) == 0);
        await PurgeAsync(scheduler, new RetentionOptions { MaxDeadLetters = 2 });
        var size = await ledger.Reader.SizeAsync(Token);
        Assert.Equal(2, size.DeadLetters);
    }

    [Fact]
    public async Task Beyond_MaxBytes_ended_tasks_and_dead_letters_go_as_soon_as_they_may()
    {
        await using var scheduler = await WithDeadLettersAsync(3);
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        await scheduler.FinishAsync(1);
        await SettledAsync(scheduler);
        await PurgeAsync(scheduler, new RetentionOptions { MaxBytes = 1 });
        Assert.Equal((1, 0), (await CountAsync(scheduler), await DeadLettersAsync(scheduler)));
        await PurgeAsync(scheduler, new RetentionOptions { MaxBytes = 1, KeepAtLeast = TimeSpan.Zero });
        Assert.Equal(0, await CountAsync(scheduler));
    }

    [Fact]
    public async Task Dead_letters_go_by_their_age_and_beyond_their_bytes_a_batch_of_the_oldest_at_a_time()
    {
        await using var scheduler = await WithDeadLettersAsync(6);
        await PurgeAsync(scheduler, new RetentionOptions());
        Assert.Equal(6, await DeadLettersAsync(scheduler));
        await PurgeAsync(scheduler, new RetentionOptions { MaxDeadLetterBytes = 1, Batch = 4 });
        Assert.Equal(2, await DeadLettersAsync(scheduler));
        await PurgeAsync(scheduler, new RetentionOptions { DeadLetters = TimeSpan.FromTicks(1) });
        Assert.Equal(0, await DeadLettersAsync(scheduler));
    }

    [Fact]
    public async Task A_task_stays_as_long_as_the_dead_letter_that_tells_of_it()
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings: ("Events:SaveCursorEvery", "00:00:00.010"));
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        var lease = Assert.Single((await scheduler.Worker.WorkAsync(1)).Leases);
        var failed = EngineWorker.Ok(lease) with { Result = new StepResult { Status = StepStatus.Error, ErrorCode = Contracts.Errors.ErrorCode.ExecutionFailed, ErrorMessage = "no", Metadata = new StepMetadata { TenantId = "t" } } };
        await scheduler.Worker.ReportAsync(0, failed);
        await SettledAsync(scheduler);
        var soon = new RetentionOptions { FinishedTasks = TimeSpan.FromTicks(1), KeepAtLeast = TimeSpan.Zero };
        await PurgeAsync(scheduler, soon);
        Assert.Equal((1, 1), (await CountAsync(scheduler), await DeadLettersAsync(scheduler)));
        soon.DeadLetters = TimeSpan.FromTicks(1);
        await PurgeAsync(scheduler, soon);
        Assert.Equal((0, 0), (await CountAsync(scheduler), await DeadLettersAsync(scheduler)));
    }

    [Fact]
    public async Task The_ledger_is_looked_through_by_itself_every_so_often()
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings:
            [("Retention:Every", "00:00:00.020"), ("Retention:FinishedTasks", "00:00:00.001"), ("Retention:KeepAtLeast", "0"), ("Events:SaveCursorEvery", "00:00:00.010")]);
        await scheduler.AdmitAsync(null, EngineHarness.Item("a"));
        await scheduler.FinishAsync(1);
        await UntilAsync(async () => await CountAsync(scheduler) == 0);
    }

    private static async Task<SchedulerFixture> WithDeadLettersAsync(int count)
    {
        var scheduler = await SchedulerFixture.StartAsync(settings: ("Events:SaveCursorEvery", "00:00:00.010"));
        for (var n = 1; n <= count; n++)
        {
            await scheduler.DeliverAsync("/bus/assign/01", System.Text.Encoding.UTF8.GetBytes($$"""{"assignment_id":"a{{n}}","tenant_id":"t" """));
        }

        await UntilAsync(async () => await OutboxRowsAsync(scheduler.Services.GetRequiredService<LedgerStore>()) == 0);
        return scheduler;
    }

    private static async Task<long> DeadLettersAsync(SchedulerFixture scheduler) =>
        (await scheduler.Services.GetRequiredService<LedgerStore>().Reader.SizeAsync(Token)).DeadLetters;

    private static Task PurgeAsync(SchedulerFixture scheduler, RetentionOptions options) => new RetentionLoop(
        scheduler.Services.GetRequiredService<LedgerStore>(),
        scheduler.Services.GetRequiredService<PurgeTasks>(),
        scheduler.Services.GetRequiredService<WatchHub>(),
        new FixedOptions<RetentionOptions>(options),
        TimeProvider.System,
        NullLogger<RetentionLoop>.Instance).RunOnceAsync(Token);

    private static async Task<int> CountAsync(SchedulerFixture scheduler) => (await scheduler.CallAsync(
        SchedulerMethods.ListTasks, new ListTasksRequest { TenantId = "t" }, BeamlineJson.Default.ListTasksRequest, BeamlineJson.Default.ListTasksResponse)).Tasks.Count;

    /// <summary>Messages and events are out, keys are confirmed.</summary>
    private static async Task SettledAsync(SchedulerFixture scheduler)
    {
        var ledger = scheduler.Services.GetRequiredService<LedgerStore>();
        await UntilAsync(async () => await OutboxRowsAsync(ledger) == 0
            && (await ledger.Reader.KeysDueAfterAsync(0, Token)).Rows.Count == 0
            && (await ledger.Reader.EventsAfterAsync(await ledger.Reader.EventCursorAsync(Token), Token)).Rows.Count == 0);
    }

    private static Task<long> OutboxRowsAsync(LedgerStore ledger) =>
        ledger.Reader.ReadAsync(connection => LedgerSchema.Scalar(connection, "SELECT count(*) FROM outbox"), Token);

    /// <summary>Each look is a read of the ledger's file, which paces the loop.</summary>
    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        while (!await condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
