using System.Text;
using Beamline.Contracts;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Tests.Engine;

namespace Beamline.Scheduler.Tests.Replaying;

/// <summary>Dead letters inspected and replayed, over the whole scheduler and its ledger.</summary>
public sealed class ReplayTests
{
    private static readonly BeamlineJson Json = BeamlineJson.Default;

    [Fact]
    public async Task A_dead_letter_tells_who_replayed_it_when_why_and_what_became_of_it()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        await scheduler.FailAsync("a");
        var letter = await scheduler.DeadLetterOfAsync("a");
        var before = (await scheduler.InspectAsync(letter))!;
        Assert.Equal(("execution_failed", 0, 1), (before.Reason, before.Replay, before.Delivery));
        Assert.Null(before.Replayed);

        var asked = await scheduler.ReplayAsync(letter);
        Assert.Equal((1, 0), (asked.Accepted, asked.Refused));
        await scheduler.FinishAsync(1);

        var after = (await scheduler.InspectAsync(letter))!;
        Assert.Equal(
            (asked.ReplayId, DeadLetterReplayStates.Replayed, "ann", "mended", 1, TaskStates.Success),
            (after.Replayed!.ReplayId, after.Replayed.State, after.Replayed.RequestedBy, after.Replayed.Comment, after.Replayed.Replay, after.Replayed.TaskState));
        Assert.True(after.Replayed.RequestedAt >= before.DeadLetteredAt && after.Replayed.ReplayedAt >= after.Replayed.RequestedAt);
        Assert.Equal(before.Result.ToString(), after.Result.ToString());
        Assert.Equal((1, 0), (await scheduler.ProgressAsync(asked.ReplayId!) is var told ? told.Replayed : 0, told.Waiting));
    }

    [Fact]
    public async Task The_task_shows_its_newest_run_and_each_run_has_one_result_on_the_bus()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        await scheduler.FailAsync("a");
        await scheduler.ReplayAsync(await scheduler.DeadLetterOfAsync("a"));
        await scheduler.FinishAsync(1);
        Assert.Equal((TaskStates.Success, 1), ((await scheduler.TaskAsync("a")).State, (await scheduler.TaskAsync("a")).Replay));
        await scheduler.PublishedAsync(messages => messages.Count(message => message.Topic == Topics.Result) == 2);
        Assert.Equal(
            ["result:t:a:0", "result:t:a:1"],
            scheduler.Sidecar.Messages.Where(message => message.Topic == Topics.Result).Select(message => IdOf(message.Text)).Order());
    }

    [Fact]
    public async Task The_events_of_an_assignment_count_on_through_its_replay_which_says_by_whom_and_why()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        await scheduler.FailAsync("a");
        var letter = await scheduler.DeadLetterOfAsync("a");
        var asked = await scheduler.ReplayAsync(letter);
        await scheduler.FinishAsync(1);
        var events = (await scheduler.CallAsync(
            SchedulerMethods.TaskEvents, new TaskEventsRequest { TenantId = "t", AssignmentId = "a" }, Json.TaskEventsRequest, Json.TaskEventsResponse)).Events;
        Assert.Equal(Enumerable.Range(1, 7).Select(n => (long)n), events.Select(each => each.Sequence));
        Assert.Equal(
            ["accepted", "started", "failed", "dead_lettered", "replayed", "started", "completed"], events.Select(each => each.Type));
        Assert.Equal(["event:t:a:0:4", "event:t:a:1:5"], events.Skip(3).Take(2).Select(each => each.EventId));
        Assert.Equal(
            $$"""{"replay":1,"replay_id":"{{asked.ReplayId}}","dead_letter_id":"{{letter}}","by":"ann","why":"mended"}""",
            events.Single(each => each.Type == TaskEventTypes.Replayed).Data.ToString());
    }

    [Fact]
    public async Task Of_many_requests_at_once_for_one_dead_letter_one_is_taken_and_the_others_are_told_its_id()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        await scheduler.FailAsync("a");
        var letter = await scheduler.DeadLetterOfAsync("a");
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => scheduler.ReplayAsync(letter)));
        var taken = Assert.Single(answers, answer => answer.ReplayId is not null);
        Assert.All(answers.Where(answer => answer.ReplayId is null), answer =>
            Assert.Equal((ReplayRefusals.AlreadyReplayed, taken.ReplayId), (answer.Refusals![0].Reason, answer.Refusals[0].ReplayId)));
        await scheduler.FinishAsync(1);
        Assert.Equal(2, await scheduler.CountAsync("SELECT count(*) FROM tasks"));
        Assert.Equal(taken.ReplayId, (await scheduler.ReplayAsync(letter)).Refusals![0].ReplayId);
    }

    [Fact]
    public async Task What_could_not_be_parsed_is_given_back_byte_for_byte_and_not_replayed()
    {
        await using var scheduler = await ReplayBench.StartAsync(("DeadLetters:OperatorTenant", "t"));
        var poison = "{\"assignment_id\":\"a\",\"tenant_id\":\"t\",\u0001 " + new string('x', 300 * 1024);
        await scheduler.PoisonAsync(poison);
        using var listed = (await scheduler.ListAsync())[0].Parse();
        var letter = (await scheduler.InspectAsync(listed.RootElement.GetProperty("dead_letter_id").GetString()!))!;
        Assert.Equal(poison, Encoding.UTF8.GetString(Convert.FromBase64String(letter.AssignmentRawBase64!)));
        Assert.True(listed.RootElement.GetProperty("truncated").GetBoolean());
        Assert.Null(letter.Truncated);
        var refused = await scheduler.ReplayAsync(letter.DeadLetterId);
        Assert.Equal((null, 0, ReplayRefusals.Unparsable), (refused.ReplayId, refused.Accepted, refused.Refusals![0].Reason));
    }

    [Fact]
    public async Task What_no_tenant_could_be_read_of_is_seen_by_OperatorTenant_alone()
    {
        await using var scheduler = await ReplayBench.StartAsync(("DeadLetters:OperatorTenant", "operators"));
        await scheduler.PoisonAsync("""{"assignment_id":"a","tenant_id":"t" """);
        Assert.Empty(await scheduler.ListAsync());
        using var listed = Assert.Single(await scheduler.ListAsync("operators")).Parse();
        var letter = listed.RootElement.GetProperty("dead_letter_id").GetString()!;
        Assert.Null(await scheduler.InspectAsync(letter));
        Assert.NotNull(await scheduler.InspectAsync(letter, "operators"));
        Assert.Equal(ReplayRefusals.Unknown, (await scheduler.ReplayAsync(letter)).Refusals![0].Reason);
    }

    [Fact]
    public async Task Another_tenant_neither_sees_nor_replays_them()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        await scheduler.FailAsync("a");
        var letter = await scheduler.DeadLetterOfAsync("a");
        Assert.Null(await scheduler.InspectAsync(letter, tenant: "other"));
        Assert.Null(await scheduler.InspectAsync("dl-0"));
        Assert.Null(await scheduler.InspectAsync("nonsense"));
        Assert.Equal(ReplayRefusals.Unknown, (await scheduler.ReplayAsync(ReplayBench.Ask(letter) with { TenantId = "other" })).Refusals![0].Reason);
        Assert.Equal(0, (await scheduler.ReplayAsync(ReplayBench.Ask() with { TenantId = "other" })).Accepted);
        var replay = (await scheduler.ReplayAsync(letter)).ReplayId!;
        Assert.Null((await scheduler.CallAsync(SchedulerMethods.GetReplay, new GetReplayRequest("other", replay), Json.GetReplayRequest, Json.GetReplayResponse)).Replay);
    }

    [Fact]
    public async Task A_step_that_must_not_start_twice_is_replayed_only_when_that_is_said()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        var item = EngineHarness.Item("a");
        await scheduler.AdmitAsync(null, item with { Assignment = RawJson.FromString(item.Assignment.ToString().Replace("\"content\"", "\"redelivery\":\"at_most_once\",\"content\"", StringComparison.Ordinal)) });
        await scheduler.FailQueuedAsync(1);
        var letter = await scheduler.DeadLetterOfAsync("a");
        Assert.Equal(ReplayRefusals.MayRepeat, (await scheduler.ReplayAsync(letter)).Refusals![0].Reason);
        Assert.Equal(1, (await scheduler.ReplayAsync(ReplayBench.Ask(letter) with { AllowRepeat = true })).Accepted);
    }

    [Fact]
    public async Task What_has_expired_is_refused_and_what_expires_while_it_waits_is_refused_then_and_may_be_asked_for_again()
    {
        await using var scheduler = await ReplayBench.StartAsync(("Tenants:Default:MaxQueued", "2"));
        var soon = TimeProvider.System.GetUtcNow().AddSeconds(2).ToUnixTimeMilliseconds();
        await scheduler.AdmitAsync(null, EngineHarness.Item("a", more: $"\"expires_at\":{soon},"));
        await scheduler.FailQueuedAsync(1);
        var letter = await scheduler.DeadLetterOfAsync("a");
        await scheduler.AdmitAsync(null, EngineHarness.Item("open-1"), EngineHarness.Item("open-2"));
        var asked = await scheduler.ReplayAsync(letter);
        Assert.Equal(1, asked.Accepted);
        await ReplayBench.UntilAsync(async () => (await scheduler.ProgressAsync(asked.ReplayId!)).Refused == 1);
        var replayed = (await scheduler.InspectAsync(letter))!.Replayed!;
        Assert.Equal(DeadLetterReplayStates.Refused, replayed.State);
        Assert.Contains("expires_at", replayed.Error, StringComparison.Ordinal);
        Assert.Equal(ReplayRefusals.Expired, (await scheduler.ReplayAsync(letter)).Refusals![0].Reason);
    }

    [Fact]
    public async Task While_the_tenant_is_at_its_quota_a_replay_waits_and_is_not_lost()
    {
        await using var scheduler = await ReplayBench.StartAsync(("Tenants:Default:MaxQueued", "1"));
        await scheduler.FailAsync("a");
        await scheduler.AdmitAsync(null, EngineHarness.Item("open"));
        var asked = await scheduler.ReplayAsync(await scheduler.DeadLetterOfAsync("a"));
        Assert.Equal((1, 1), (asked.Accepted, (await scheduler.ProgressAsync(asked.ReplayId!)).Waiting));
        await scheduler.FinishAsync(2);
        Assert.Equal((TaskStates.Success, 1), ((await scheduler.TaskAsync("a")).State, (await scheduler.TaskAsync("a")).Replay));
    }

    [Fact]
    public async Task A_replay_waits_for_the_failures_keys_so_that_they_never_overwrite_its_own()
    {
        await using var scheduler = await ReplayBench.StartAsync(("Identity:WhenStateAway", "ledger-only"));
        scheduler.Sidecar.StoreAway = true;
        await scheduler.AdmitAsync(null, EngineHarness.Item("a", more: "\"flow_id\":\"f\",\"step_id\":\"s\","));
        await scheduler.FailQueuedAsync(1);
        var asked = await scheduler.ReplayAsync(await scheduler.DeadLetterOfAsync("a"));
        Assert.Equal(1, (await scheduler.ProgressAsync(asked.ReplayId!)).Waiting);
        scheduler.Sidecar.StoreAway = false;
        await scheduler.FinishAsync(1);
        await ReplayBench.UntilAsync(async () => await scheduler.CountAsync("SELECT count(*) FROM tasks WHERE key_confirmed = 0") == 0);
        var assignment = AssignmentReader.Read(EngineHarness.Item("a", more: "\"flow_id\":\"f\",\"step_id\":\"s\",").Assignment.Utf8).Assignment!;
        foreach (var key in (string[])[
            StepIdentity.StateKey(StepIdentity.KeyOf(assignment, 0)), StepIdentity.StateKey(StepIdentity.KeyOf(assignment, 1)), StepIdentity.AssignmentStateKey("t", "a")])
        {
            Assert.Contains("\"status\":\"success\"", scheduler.Sidecar.State[key], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_step_submitted_under_two_ids_has_one_dead_letter_and_its_replay_a_result_for_each()
    {
        await using var scheduler = await ReplayBench.StartAsync();
        const string Step = "\"flow_id\":\"f\",\"step_id\":\"s\",";
        await scheduler.AdmitAsync(null, EngineHarness.Item("a", more: Step), EngineHarness.Item("b", more: Step));
        await scheduler.FailQueuedAsync(1);
        Assert.Single(await scheduler.ListAsync());
        await scheduler.ReplayAsync(await scheduler.DeadLetterOfAsync("a"));
        await scheduler.FinishAsync(1);
        Assert.Equal((TaskStates.Success, 1), ((await scheduler.TaskAsync("b")).State, (await scheduler.TaskAsync("b")).Replay));
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Text.Contains("\"result:t:b:1\"", StringComparison.Ordinal)));
    }

    private static string IdOf(string message)
    {
        using var read = RawJson.FromString(message).Parse();
        return read.RootElement.GetProperty("id").GetString()!;
    }
}
