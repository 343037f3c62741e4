using Beamline.TestKit;
using Beamline.TestKit.Chaos;

namespace Beamline.EndToEnd.Tests;

/// <summary>The judge of a chaos run finds every kind of broken promise, and nothing in a history that keeps them.</summary>
public sealed class JudgeTests
{
    private static readonly Fact Sent = new() { Kind = FactKinds.Sending, Id = "a", Expect = Expectations.Success };
    private static readonly Fact Accepted = new() { Kind = FactKinds.Accepted, Id = "a", Via = "gateway" };
    private static readonly Fact Ran = new() { Kind = FactKinds.Ran, Id = "a", Delivery = 1, Retry = 0 };
    private static readonly Fact OnBus = new() { Kind = FactKinds.Result, Id = "a", Via = "bus", Status = "success", Delivery = 1, Hash = "h" };
    private static readonly Fact Got = OnBus with { Via = "get" };
    private static readonly Fact Completed = new() { Kind = FactKinds.Final, Id = "a", Status = "completed", Hash = "e" };
    private static readonly Fact[] Right = [Sent, Accepted, Ran, OnBus, Got, Completed];

    public static TheoryData<string, Fact[]> Broken => new()
    {
        { "never accepted", [Sent] },
        { "no GET ever told its result", [Sent, Accepted, OnBus, Completed] },
        { "its result never reached the bus", [Sent, Accepted, Got, Completed] },
        { "its last event never reached the bus", [Sent, Accepted, OnBus, Got] },
        { "two results", [.. Right, Got with { Hash = "other" }] },
        { "two last events", [.. Right, Completed with { Hash = "other" }] },
        { "ran twice in delivery 1, retry 0", [.. Right, Ran] },
        { "at_most_once, and ran 2 times", [Sent with { Once = true }, .. Right[1..4], Got with { Delivery = 2 }, Completed, Ran with { Delivery = 2 }] },
        { "ran in delivery 2, and its result tells of 1", [.. Right, Ran with { Delivery = 2 }] },
        { "ended as error worker_lost in delivery 2", [Sent, Accepted, .. Ended("error", "worker_lost", 2)] },
        { "ended as error http_error in delivery 1", [Sent, Accepted, .. Ended("error", "http_error", 1)] },
        { "ended as cancelled", [Sent, Accepted, .. Ended("cancelled", "cancelled_by_user", 1)] },
        { "ended as timeout", [Sent, Accepted, .. Ended("timeout", "timeout", 1)] },
        { "a wrong result", [.. Right, Got with { Fault = "{}" }] },
        { "refused: 400", [.. Right, new Fact { Kind = FactKinds.Refused, Id = "a", Reason = "400" }] },
        { "never sent", [OnBus, Got] },
        { "more than one ran", [.. OneStep("a"), .. OneStep("b"), Ran, Ran with { Id = "b" }] },
        { "ended differently", [.. OneStep("a"), .. OneStep("b").Select(fact => fact.Status == "success" ? fact with { Status = "error", Reason = "worker_lost", Delivery = 3 } : fact)] },
    };

    public static TheoryData<Fact[]> Kept => new()
    {
        { Right },
        { [.. Right, OnBus, Got, Completed] }, // delivered again, the same
        { [Sent, Accepted, Ran, Ran with { Delivery = 2 }, .. Ended("success", null, 2)] },
        { [Sent, Accepted, Ran, Ran with { Retry = 1 }, .. Ended("success", null, 1)] },
        { [Sent, Accepted, .. Ended("error", "worker_lost", 3)] },
        { [Sent with { Once = true }, Accepted, Ran, .. Ended("error", "worker_lost", 1)] },
        { [Sent with { Expect = Expectations.CancelledOrDone }, Accepted, .. Ended("cancelled", "cancelled_by_user", 1)] },
        { [.. OneStep("a"), .. OneStep("b"), Ran] },
        { [new Fact { Kind = FactKinds.Killed, Process = "gateway" }, .. Right] },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task A_broken_promise_is_found(string what, Fact[] facts)
    {
        var verdict = await JudgeAsync(facts);

        Assert.Contains(verdict.Violations, violation => violation.What.Contains(what, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Kept))]
    public async Task A_history_that_keeps_every_promise_has_no_violation(Fact[] facts) => Assert.Empty((await JudgeAsync(facts)).Violations);

    private static Fact[] Ended(string status, string? reason, int delivery) =>
    [
        OnBus with { Status = status, Reason = reason, Delivery = delivery }, Got with { Status = status, Reason = reason, Delivery = delivery }, Completed,
    ];

    private static Fact[] OneStep(string id) => [.. new[] { Sent, Accepted, Ran, OnBus, Got, Completed }.Where(fact => fact != Ran).Select(fact => fact with { Id = id, Identity = "step" })];

    // Through a file, as in a run.
    private static async Task<Verdict> JudgeAsync(Fact[] facts)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("journal.ndjson");
        await using (var journal = new Journal(path, TimeProvider.System))
        {
            foreach (var fact in facts)
            {
                await journal.NoteAsync(fact);
            }
        }

        return Judge.Read(path);
    }
}
