using System.Net;
using System.Text;
using Beamline.Contracts;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Tests.Engine;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using static Beamline.Scheduler.Tests.Approvals.ApprovalCalls;

namespace Beamline.Scheduler.Tests.Approvals;

public sealed class ApprovalTests
{
    [Theory]
    [InlineData(true, "approved")]
    [InlineData(false, "refused")]
    public async Task A_decision_is_the_result_and_the_same_again_changes_nothing(bool approved, string word)
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, Question("a"));
        Assert.Equal(TaskStates.Waiting, (await scheduler.ViewAsync("a")).State);

        var first = await scheduler.DecideAsync(Decision("a", approved, "bob", "so be it"));
        var again = await scheduler.DecideAsync(Decision("a", approved, "bob", "again"));
        var other = await scheduler.DecideAsync(Decision("a", !approved, "ann"));

        Assert.Equal((true, TaskStates.Success, false, null), (first.Found, first.State, first.Repeated, first.Error));
        Assert.Equal((approved, "bob", "so be it"), (first.Decision!.Approved, first.Decision.Approver, first.Decision.Comment));
        Assert.Equal((true, first.Decision), (again.Repeated, again.Decision));
        Assert.Equal((true, first.Decision), (other.Conflict, other.Decision));
        Assert.Contains($"was {word} by 'bob'", other.Error!.Message, StringComparison.Ordinal);
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.Result));
        var result = Assert.Single(scheduler.Sidecar.Messages, message => message.Topic == Topics.Result).Text;
        Assert.Equal((await scheduler.ViewAsync("a")).Result.ToString(), result);
        Assert.Contains($"\"result\":{{\"approved\":{(approved ? "true" : "false")},\"approver\":\"bob\",\"comment\":\"so be it\",\"approved_at\":{first.Decision.ApprovedAt}}}", result, StringComparison.Ordinal);
        Assert.DoesNotContain("\"pool\"", result, StringComparison.Ordinal);
        Assert.Equal(["accepted", "approval_needed", "completed"], await scheduler.EventsAsync("a"));
    }

    [Fact]
    public async Task Two_decisions_at_once_end_it_once_and_the_other_is_told()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, Question("a"));

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => scheduler.DecideAsync(Decision("a", n % 2 == 0, n % 2 == 0 ? "ann" : "bob"))));

        var winner = answers.Single(answer => answer is { Error: null, Repeated: false }).Decision!;
        Assert.All(answers, answer => Assert.Equal(winner, answer.Decision));
        Assert.Equal(9, answers.Count(answer => answer.Repeated));
        Assert.Equal(10, answers.Count(answer => answer.Conflict));
    }

    [Fact]
    public async Task Only_a_listed_approver_decides_letter_by_letter_and_another_tenant_sees_nothing()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, Question("a"));

        Assert.Equal((2003, false), Of(await scheduler.DecideAsync(Decision("a", approver: "eve"))));
        Assert.Equal((2003, false), Of(await scheduler.DecideAsync(Decision("a", approver: "Ann"))));
        Assert.False((await scheduler.DecideAsync(Decision("a", tenant: "other"))).Found);
        Assert.False((await scheduler.DecideAsync(Decision("b"))).Found);
        Assert.Empty((await scheduler.WaitingAsync("other")).Approvals);
        Assert.Equal(TaskStates.Waiting, (await scheduler.ViewAsync("a")).State);

        // Decided or not is nobody else's business either.
        await scheduler.DecideAsync(Decision("a"));
        Assert.Equal((2003, false), Of(await scheduler.DecideAsync(Decision("a", approver: "eve"))));
    }

    [Fact]
    public async Task What_waits_for_no_decision_says_why()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        var later = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds();
        await scheduler.AdmitAsync(null, EngineHarness.Item("hash"), Question("later", $"\"not_before\":{later},"), Question("over", inputs: "\"timeout_ms\":1,"));
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.Result));

        await AssertConflictAsync("hash", "is a crypto.hash");
        await AssertConflictAsync("later", "nobody has been asked yet");
        await AssertConflictAsync("over", "has ended as timeout");
        Assert.Equal((1003, false), Of(await scheduler.DecideAsync(Decision("later", comment: new string('c', 2049)))));

        async Task AssertConflictAsync(string id, string why)
        {
            var answer = await scheduler.DecideAsync(Decision(id));
            Assert.Equal((1001, true), Of(answer));
            Assert.Contains(why, answer.Error!.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_waits_is_listed_newest_first_page_by_page_with_all_that_a_person_needs()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, [EngineHarness.Item("hash"), .. Enumerable.Range(1, 7).Select(n => Question($"a{n}", n == 4 ? "\"flow_id\":\"f\",\"step_id\":\"s\"," : ""))]);
        await scheduler.AdmitAsync(null, Question("alias", "\"flow_id\":\"f\",\"step_id\":\"s\","), Question("foreign", tenant: "u"));
        await scheduler.DecideAsync(Decision("a2"));
        await scheduler.DecideAsync(Decision("a6"));
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await scheduler.WaitingAsync(cursor: cursor, limit: 2);
            Assert.InRange(page.Approvals.Count, 1, 2);
            seen.AddRange(page.Approvals.Select(each => each.AssignmentId));
            cursor = page.Cursor;
        }
        while (cursor is not null);

        Assert.Equal(["a7", "a5", "a4", "a3", "a1"], seen);
        var one = (await scheduler.WaitingAsync()).Approvals[2];
        Assert.Equal(("t", "r-a4", "f", "s", "Pay?"), (one.TenantId, one.RequestId, one.FlowId, one.StepId, one.Prompt));
        Assert.Equal(["ann", "bob"], one.Approvers);
        Assert.Equal((await scheduler.ViewAsync("a4")).StartedAt, one.WaitingSince);
        Assert.Equal(TimeSpan.FromDays(1).TotalMilliseconds, one.ExpiresAt - one.WaitingSince);
        Assert.Equal("cursor", (await scheduler.WaitingAsync(cursor: "foreign")).Error!.Field);
    }

    [Fact]
    public async Task A_page_of_long_questions_ends_before_it_is_too_large_to_be_carried()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        var prompt = new string('\u20ac', 4096);
        for (var batch = 0; batch < 8; batch++)
        {
            // On a slow disk a commit may take longer than an admission waits for it: the same again is then known.
            while ((await scheduler.AdmitAsync(null, [.. Enumerable.Range(0, 25).Select(n => Question($"a{batch}-{n}", prompt: prompt))])).Items.Any(item => item.Status != AdmitStatuses.Accepted))
            {
            }
        }

        var page = await scheduler.WaitingAsync(limit: 500);
        Assert.InRange(page.Approvals.Count * 3 * 4096, 1, WireLimits.MaxBatchBytes + (3 * 4096));
        var rest = await scheduler.WaitingAsync(cursor: page.Cursor, limit: 500);
        Assert.Equal((200, null), (page.Approvals.Count + rest.Approvals.Count, rest.Cursor));
    }

    [Fact]
    public async Task The_wait_goes_on_with_the_next_scheduler_and_nobody_is_asked_again()
    {
        using var sidecar = new ScriptedSidecar();
        var first = await SchedulerFixture.StartAsync(sidecar: sidecar);
        await first.AdmitAsync(null, Question("a"), Question("b"));
        await first.PublishedAsync(messages => messages.Any(message => message.Text.Contains("approval_needed", StringComparison.Ordinal)));
        var asked = (await first.WaitingAsync()).Approvals;
        var folder = await first.LeaveAsync();

        // Nothing of it stands in the state store: the next one has another.
        using var back = new ScriptedSidecar();
        await using var second = await SchedulerFixture.StartAsync(folder, back);
        Assert.Equal(asked.Select(each => (each.AssignmentId, each.WaitingSince, each.ExpiresAt)), (await second.WaitingAsync()).Approvals.Select(each => (each.AssignmentId, each.WaitingSince, each.ExpiresAt)));
        Assert.Null((await second.DecideAsync(Decision("a"))).Error);
        Assert.Equal(["accepted", "approval_needed", "completed"], await second.EventsAsync("a"));
        Assert.Equal(["accepted", "approval_needed"], await second.EventsAsync("b"));
        var copy = await second.LeaveAsync();

        await using var third = await SchedulerFixture.StartAsync(copy);
        Assert.True((await third.DecideAsync(Decision("a"))).Repeated);
    }

    [Fact]
    public async Task Another_id_of_the_same_step_gets_the_same_outcome_and_may_be_decided_by_its_own_id()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        const string step = "\"flow_id\":\"f\",\"step_id\":\"s\",";
        await scheduler.AdmitAsync(null, Question("a", step), Question("b", step));

        var decided = await scheduler.DecideAsync(Decision("b", approved: false));

        Assert.Equal((TaskStates.Success, false), (decided.State, decided.Decision!.Approved));
        Assert.Equal((await scheduler.DecideAsync(Decision("a", approved: false))).Decision, decided.Decision);
        await scheduler.PublishedAsync(messages => messages.Count(message => message.Topic == Topics.Result) == 2);
        Assert.Contains("\"assignment_id\":\"b\"", (await scheduler.ViewAsync("b")).Result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_decision_over_the_bus_counts_once_however_often_it_is_delivered()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, Question("a"));

        await DeliverAsync(scheduler, "a", false, "bob", ",\"comment\":\"too dear\",\"new\":[1]");
        await DeliverAsync(scheduler, "a", false, "bob", ",\"comment\":\"too dear\"");
        await DeliverAsync(scheduler, "a", true, "ann");

        Assert.Contains("\"approved\":false,\"approver\":\"bob\",\"comment\":\"too dear\"", (await scheduler.ViewAsync("a")).Result.ToString(), StringComparison.Ordinal);
        await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.Result));
        Assert.Single(scheduler.Sidecar.Messages, message => message.Topic == Topics.Result);
    }

    [Fact]
    public async Task A_decision_over_the_bus_that_does_not_count_is_taken_off_it()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        await scheduler.AdmitAsync(null, Question("a"), EngineHarness.Item("hash"));

        await DeliverAsync(scheduler, "a", true, "eve");
        await DeliverAsync(scheduler, "unknown", true, "ann");
        await DeliverAsync(scheduler, "hash", true, "ann");
        await DeliverAsync(scheduler, "a", true, "ann", $",\"comment\":\"{new string('c', 2049)}\"");
        Assert.Equal("", await scheduler.DeliverAsync("/bus/approval", "{\"assignment_id\":\"a\",\"comment\":\"\\ud800\"}"u8.ToArray()));

        Assert.Equal(TaskStates.Waiting, (await scheduler.ViewAsync("a")).State);
    }

    [Fact(Timeout = 60_000)]
    public async Task While_the_disk_is_full_a_decision_is_refused_or_stays_on_the_bus_and_counts_when_it_comes_again()
    {
        using var sidecar = new ScriptedSidecar { BusAway = true }; // what is published makes room
        await using var scheduler = await SchedulerFixture.StartAsync(null, sidecar, ("Ledger:MaxPages", "120"));
        await scheduler.AdmitAsync(null, Question("a"));
        var engine = scheduler.Services.GetRequiredService<SchedulingEngine>();
        for (var n = 0; !engine.IsStalled; n++)
        {
            await scheduler.AdmitAsync(null, EngineHarness.Item($"filler-{n}", new string('x', 20_000)));
        }

        var refused = await scheduler.DecideAsync(Decision("a"));
        Assert.Equal((TaskStates.Waiting, 4002, true), (refused.State, refused.Error?.Number, refused.Error?.Retryable));
        var bytes = Encoding.UTF8.GetBytes("""{"assignment_id":"a","tenant_id":"t","approved":true,"approver":"ann","decided_at":1}""");
        Assert.Contains("RETRY", await scheduler.DeliverAsync("/bus/approval", bytes), StringComparison.Ordinal);
        Assert.Equal(TaskStates.Waiting, (await scheduler.ViewAsync("a")).State);

        await MakeRoomAsync(scheduler.Services.GetRequiredService<LedgerStore>());
        while (await scheduler.DeliverAsync("/bus/approval", bytes) != "")
        {
        }

        Assert.Equal(TaskStates.Success, (await scheduler.ViewAsync("a")).State);
    }

    [Fact]
    public async Task A_faulty_call_is_told()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        using var answer = await scheduler.SendAsync(SchedulerMethods.DecideApproval, new StringContent("{\"assignment_id\":\"a\"}", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private static async Task MakeRoomAsync(LedgerStore ledger)
    {
        var made = false;
        while (!made)
        {
            try
            {
                made = await ledger.RunAsync((connection, transaction) => { connection.Execute("PRAGMA max_page_count=100000", transaction); return true; }, TestContext.Current.CancellationToken);
            }
            catch (SqliteException)
            {
                // Its group's commit was the one that failed.
            }
        }
    }

    private static (int? Number, bool Conflict) Of(Beamline.Contracts.Approvals.DecideApprovalResponse answer) => (answer.Error?.Number, answer.Conflict);

    private static async Task DeliverAsync(SchedulerFixture scheduler, string id, bool approved, string approver, string more = "") => Assert.Equal("", await scheduler.DeliverAsync(
        "/bus/approval",
        Encoding.UTF8.GetBytes($$"""{"assignment_id":"{{id}}","tenant_id":"t","approved":{{(approved ? "true" : "false")}},"approver":"{{approver}}","decided_at":1{{more}}}""")));
}
