using System.Net;
using System.Text;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.DeadLetters;

public sealed class Replaying_dead_letters
{
    private static readonly ReplayDeadLettersResponse Taken = new() { ReplayId = "rp-7", Accepted = 3 };

    [Fact]
    public async Task They_are_listed_and_inspected_for_the_tenant_that_asks()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnDeadLetters = request => request is { TenantId: "mine", Cursor: "c", Limit: 2 }
            ? new ListDeadLettersResponse { DeadLetters = [RawJson.FromString("""{"dead_letter_id":"dl-1"}""")], Cursor = "d" }
            : new ListDeadLettersResponse { DeadLetters = [] };
        gateway.Scheduler.OnDeadLetter = request => request is { TenantId: "mine", DeadLetterId: "dl-1" }
            ? new GetDeadLetterResponse { DeadLetter = RawJson.FromString("""{"dead_letter_id":"dl-1","big":12345678901234567890123}""") }
            : new GetDeadLetterResponse();

        var list = await gateway.GetAsync("/v1/dlq?tenant_id=mine&cursor=c&limit=2");
        var mine = await gateway.GetAsync("/v1/dlq/dl-1?tenant_id=mine");
        var others = await gateway.GetAsync("/v1/dlq/dl-1?tenant_id=other");

        Assert.Equal("""{"dead_letters":[{"dead_letter_id":"dl-1"}],"cursor":"d"}""", list.Body);
        Assert.Equal((HttpStatusCode.OK, """{"dead_letter_id":"dl-1","big":12345678901234567890123}"""), (mine.Status, mine.Body));
        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json", "dead_letter_id 1001"), (others.Status, others.MediaType, Assert.Single(others.Faults)));
    }

    [Fact]
    public async Task One_is_replayed_with_or_without_a_body()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnReplay = _ => Taken with { Accepted = 1 };

        var plain = await gateway.PostAsync("/v1/dlq/dl-5:replay?tenant_id=mine", []);
        var told = await gateway.PostAsync("/v1/dlq/dl-6:replay", """{"allow_repeat":true,"requested_by":"ann","comment":"mended"}"""u8.ToArray());

        Assert.Equal((HttpStatusCode.Accepted, "rp-7", "/v1/dlq/replays/rp-7?tenant_id=mine"), (plain.Status, plain.Text("replay_id"), plain.Location));
        Assert.Equal(HttpStatusCode.Accepted, told.Status);
        Assert.Collection(
            gateway.Scheduler.Replays,
            first => Assert.Equal(("mine", "dl-5", false, null), (first.TenantId, Assert.Single(first.Filter.Ids!), first.AllowRepeat, first.RequestedBy)),
            second => Assert.Equal(("default", "dl-6", true, "ann", "mended"), (second.TenantId, Assert.Single(second.Filter.Ids!), second.AllowRepeat, second.RequestedBy, second.Comment)));
    }

    [Theory]
    [InlineData(ReplayRefusals.Unknown, HttpStatusCode.NotFound)]
    [InlineData(ReplayRefusals.AlreadyReplayed, HttpStatusCode.Conflict)]
    [InlineData(ReplayRefusals.Unparsable, HttpStatusCode.Conflict)]
    [InlineData(ReplayRefusals.MayRepeat, HttpStatusCode.Conflict)]
    public async Task One_that_cannot_be_replayed_is_answered_with_the_reason(string reason, HttpStatusCode status)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnReplay = request => new ReplayDeadLettersResponse
        {
            Refused = 1,
            Refusals = [new ReplayRefusal { DeadLetterId = request.Filter.Ids![0], Reason = reason, Message = "Look at dl-5.", ReplayId = reason == ReplayRefusals.AlreadyReplayed ? "rp-3" : null }],
        };

        var answer = await gateway.PostAsync("/v1/dlq/dl-5:replay", []);

        Assert.Equal((status, "application/problem+json"), (answer.Status, answer.MediaType));
        Assert.Contains("dl-5", answer.Text("detail"), StringComparison.Ordinal);
        Assert.Equal(reason == ReplayRefusals.AlreadyReplayed, answer.Text("detail").Contains("rp-3", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Many_are_replayed_by_a_filter_at_a_rate()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnReplay = request => request.DryRun ? new ReplayDeadLettersResponse { Accepted = 3, More = true } : Taken;

        var counted = await gateway.PostAsync("/v1/dlq:replay", """{"dry_run":true}"""u8.ToArray());
        var taken = await gateway.PostAsync(
            "/v1/dlq:replay?tenant_id=mine",
            """{"filter":{"ids":["dl-1"],"reason":"http_error","block_type":"http.request","since":1,"until":2},"rate":2.5,"max":9,"allow_repeat":true,"requested_by":"ann","comment":"mended"}"""u8.ToArray());

        Assert.Equal((HttpStatusCode.OK, 3, null), (counted.Status, counted.Json.GetProperty("accepted").GetInt32(), counted.Location));
        Assert.Equal((HttpStatusCode.Accepted, "rp-7"), (taken.Status, taken.Text("replay_id")));
        var asked = gateway.Scheduler.Replays.Last();
        Assert.Equal(("mine", 2.5, 9, false, true, "ann", "mended"), (asked.TenantId, asked.Rate, asked.Max, asked.DryRun, asked.AllowRepeat, asked.RequestedBy, asked.Comment));
        Assert.Equal(("dl-1", "http_error", "http.request", 1L, 2L), (asked.Filter.Ids![0], asked.Filter.Reason, asked.Filter.BlockType, asked.Filter.Since, asked.Filter.Until));
    }

    [Theory]
    [InlineData("""{"rate":"fast"}""", "rate 1003")]
    [InlineData("""{"filter":{"since":"yesterday"}}""", "filter.since 1003")]
    [InlineData("""{"filter":{"raeson":"http_error"}}""", "filter.raeson 1003")]
    [InlineData("""{"dryrun":true}""", "dryrun 1003")]
    [InlineData("null", "body 1003")]
    [InlineData("{", "body 1003")]
    [InlineData("""{"rate":1e400}""", "rate 1001")]
    public async Task A_body_that_cannot_be_read_is_told_where(string body, string fault)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var answer = await gateway.PostAsync("/v1/dlq:replay", Encoding.UTF8.GetBytes(body));

        Assert.Equal((HttpStatusCode.BadRequest, fault), (answer.Status, Assert.Single(answer.Faults)));
        Assert.DoesNotContain("Beamline.", answer.Body, StringComparison.Ordinal);
        Assert.Empty(gateway.Scheduler.Replays);
    }

    [Fact]
    public async Task What_the_scheduler_refuses_and_its_silence_are_told_as_problems()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnReplay = request => new ReplayDeadLettersResponse
        {
            Error = request.Rate is null ? WireError.Of(ErrorCode.QuotaExceeded, "16 replays wait.", retryAfterMs: 3_000) : WireError.Of(ErrorCode.InvalidInput, "rate is too high", field: "rate"),
        };

        var over = await gateway.PostAsync("/v1/dlq:replay", []);
        var fast = await gateway.PostAsync("/v1/dlq:replay", """{"rate":1000}"""u8.ToArray());
        gateway.Scheduler.IsAway = true;

        Assert.Equal((HttpStatusCode.TooManyRequests, TimeSpan.FromSeconds(3)), (over.Status, over.RetryAfter));
        Assert.Equal((HttpStatusCode.BadRequest, "rate 1001"), (fast.Status, Assert.Single(fast.Faults)));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.PostAsync("/v1/dlq:replay", [])).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.PostAsync("/v1/dlq/dl-1:replay", [])).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.GetAsync("/v1/dlq")).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.GetAsync("/v1/dlq/dl-1")).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.GetAsync("/v1/dlq/replays/rp-1")).Status);
    }

    [Fact]
    public async Task A_replay_is_followed_by_its_id()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnReplayProgress = request => request is { TenantId: "default", ReplayId: "rp-7" }
            ? new GetReplayResponse { Replay = new ReplayProgress { ReplayId = "rp-7", TenantId = "default", RequestedAt = 1, Rate = 2, Total = 3, Waiting = 1, Replayed = 2, Refused = 0 } }
            : new GetReplayResponse();

        var known = await gateway.GetAsync("/v1/dlq/replays/rp-7");

        Assert.Equal((HttpStatusCode.OK, 1), (known.Status, known.Json.GetProperty("waiting").GetInt32()));
        Assert.Equal(HttpStatusCode.NotFound, (await gateway.GetAsync("/v1/dlq/replays/rp-8")).Status);
    }

    [Fact]
    public async Task A_plain_post_of_a_web_page_is_refused()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/dlq:replay") { Content = new StringContent("{}", Encoding.UTF8, "text/plain") };

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await gateway.SendAsync(request, [])).Status);
        Assert.Empty(gateway.Scheduler.Replays);
    }
}
