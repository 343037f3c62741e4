using System.Net;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Tests;

public sealed class DeliveryTests
{
    private const string OneSubscription = """[{"pubsubname":"bus","topic":"beamline.work","route":"/work"}]""";

    private static string Lane(string name, params (string, string)[] more) =>
        TestSidecar.Component(name, "pubsub.jetstream", [("durableName", "work"), ("queueGroupName", "work"), ("ackWait", "5s"), .. more]);

    private static Task<(HttpStatusCode Status, string Body, HttpResponseMessage Response)> PublishAsync(SidecarApp app, string body, string topic = "beamline.work") =>
        app.Client().CallAsync(HttpMethod.Post, $"/v1.0/publish/bus/{topic}?metadata.rawPayload=true", body);

    [Theory]
    [InlineData(200, "", true)]
    [InlineData(200, """{"status":"SUCCESS"}""", true)]
    [InlineData(200, """{"status":"DROP"}""", true)]
    [InlineData(200, """{"status":3}""", true)]
    [InlineData(200, "text", true)]
    [InlineData(404, "", true)]
    [InlineData(200, """{"status":"success"}""", false)]
    [InlineData(200, """{"status":"RETRY"}""", false)]
    [InlineData(302, "", false)]
    [InlineData(503, "", false)]
    public async Task What_the_app_answers_settles_the_message_or_brings_it_back_after_ackWait(int status, string body, bool settled)
    {
        var time = new ManualTime();
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus], time);
        var app = new TestApp { Subscriptions = OneSubscription };
        app.Answer("/work", (_, count) => count == 1 ? Reply.Text(body, status: status) : Reply.Text(""));
        var sidecar = await test.AddAsync("worker", app);

        await PublishAsync(sidecar, """{"n":1}""");
        await app.NextAsync();
        await PublishAsync(sidecar, """{"n":2}""");
        Assert.Equal("""{"n":2}""", (await app.NextAsync()).Body); // The first has been settled or set aside by now.
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal(2, app.CallsOf("/work"));
        time.Advance(TimeSpan.FromSeconds(0.2));
        await PublishAsync(sidecar, """{"n":3}""");

        Assert.Equal(settled ? """{"n":3}""" : """{"n":1}""", (await app.NextAsync()).Body);
    }

    [Fact]
    public async Task A_message_is_given_up_after_maxDeliver()
    {
        var time = new ManualTime();
        await using var test = await TestSidecar.StartAsync(
            [TestSidecar.Component("bus", "pubsub.jetstream", ("deliverPolicy", "new"), ("ackWait", "1s"), ("maxDeliver", "2"))], time);
        var app = new TestApp { Subscriptions = OneSubscription };
        app.Answer("/work", (received, _) => Reply.StatusCode(received.Body.Contains("bad", StringComparison.Ordinal) ? 500 : 200));
        var sidecar = await test.AddAsync("worker", app);

        await PublishAsync(sidecar, """{"bad":1}""");
        await app.NextAsync();
        await PublishAsync(sidecar, """{"n":1}""");
        await app.NextAsync();
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("""{"bad":1}""", (await app.NextAsync()).Body);
        await PublishAsync(sidecar, """{"n":2}""");
        await app.NextAsync();
        time.Advance(TimeSpan.FromMinutes(1));
        await PublishAsync(sidecar, """{"n":3}""");

        Assert.Equal("""{"n":3}""", (await app.NextAsync()).Body);
    }

    [Fact]
    public async Task Lanes_of_one_durable_share_the_messages_one_in_flight_each()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus, .. Enumerable.Range(1, 4).Select(lane => Lane($"lane-{lane}"))]);
        var inFlight = new SemaphoreSlim(0);
        var release = new TaskCompletionSource();
        var app = new TestApp
        {
            Subscriptions = "[" + string.Join(',', Enumerable.Range(1, 4).Select(lane => $$"""{"pubsubname":"lane-{{lane}}","topic":"beamline.work","route":"/work"}""")) + "]",
        };
        var calls = 0;
        var sidecar = await test.AddAsync("worker", null, options => options with
        {
            AppHandler = new InProcess.InProcessHandler(async context =>
            {
                if (context.Request.Path != "/work")
                {
                    await app.HandleAsync(context);
                    return;
                }

                Interlocked.Increment(ref calls);
                inFlight.Release();
                await release.Task;
            }),
        });

        await Task.WhenAll(Enumerable.Range(0, 10).Select(number => PublishAsync(sidecar, $$"""{"n":{{number}}}""")));
        for (var lane = 0; lane < 4; lane++)
        {
            Assert.True(await inFlight.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        }

        Assert.Equal(4, calls);
        release.SetResult();
        for (var rest = 0; rest < 6; rest++)
        {
            Assert.True(await inFlight.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        }

        Assert.Equal(10, calls);
    }

    [Fact]
    public async Task Without_a_durable_every_app_gets_every_message()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus]);
        var (one, two) = (new TestApp { Subscriptions = OneSubscription }, new TestApp { Subscriptions = OneSubscription });
        var sidecar = await test.AddAsync("one", one);
        await test.AddAsync("two", two);

        await PublishAsync(sidecar, """{"n":1}""");

        Assert.Equal(["""{"n":1}""", """{"n":1}"""], [(await one.NextAsync()).Body, (await two.NextAsync()).Body]);
    }

    [Fact]
    public async Task The_same_id_within_two_minutes_is_stored_once_also_across_a_restart()
    {
        var time = new ManualTime();
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus, Lane("lane")], time);
        var app = new TestApp { Subscriptions = """[{"pubsubname":"lane","topic":"beamline.work","route":"/work"}]""" };
        var sidecar = await test.AddAsync("worker", app);
        await PublishAsync(sidecar, """{"id":"same","n":1}""");
        Assert.Equal(HttpStatusCode.NoContent, (await PublishAsync(sidecar, """{"id":"same","n":2}""")).Status);
        Assert.Equal("""{"id":"same","n":1}""", (await app.NextAsync()).Body);

        await test.ReopenAsync();
        sidecar = await test.AddAsync("worker", app);
        await PublishAsync(sidecar, """{"id":"same","n":3}""");
        time.Advance(TimeSpan.FromMinutes(2));
        await PublishAsync(sidecar, """{"id":"same","n":4}""");

        Assert.Equal("""{"id":"same","n":4}""", (await app.NextAsync()).Body);
    }

    [Fact]
    public async Task What_was_published_while_nobody_listened_is_delivered_to_a_durable_after_a_restart()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus, Lane("lane")]);
        var sidecar = await test.AddAsync("publisher");
        var answers = await Task.WhenAll(Enumerable.Range(0, 2_000).Select(number => PublishAsync(sidecar, $$"""{"n":{{number}}}""")));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.NoContent, answer.Status));

        await test.ReopenAsync();
        var app = new TestApp { Subscriptions = """[{"pubsubname":"lane","topic":"beamline.work","route":"/work"}]""" };
        await test.AddAsync("worker", app);

        var seen = new HashSet<string>();
        while (seen.Count < 2_000)
        {
            Assert.True(seen.Add((await app.NextAsync()).Body));
        }
    }

    [Fact]
    public async Task A_full_stream_discards_its_oldest_messages()
    {
        await using var test = await TestSidecar.StartAsync(
            [TestSidecar.Bus, Lane("lane")],
            change: options => options with { Streams = [new StreamOptions { Name = "S", Subjects = ["beamline.>"], MaxMessages = 3 }] });
        var sidecar = await test.AddAsync("publisher");
        for (var number = 1; number <= 5; number++)
        {
            await PublishAsync(sidecar, $$"""{"n":{{number}}}""");
        }

        var app = new TestApp { Subscriptions = """[{"pubsubname":"lane","topic":"beamline.work","route":"/work"}]""" };
        await test.AddAsync("worker", app);

        Assert.Equal(["""{"n":3}""", """{"n":4}""", """{"n":5}"""], [(await app.NextAsync()).Body, (await app.NextAsync()).Body, (await app.NextAsync()).Body]);
    }

    [Fact]
    public async Task While_the_bus_is_away_publishes_fail_and_nothing_is_delivered()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus]);
        var app = new TestApp { Subscriptions = OneSubscription };
        var sidecar = await test.AddAsync("worker", app);

        test.Sidecar.Faults.Bus.Away();
        var away = await PublishAsync(sidecar, """{"n":1}""");
        test.Sidecar.Faults.Bus.Up();
        await PublishAsync(sidecar, """{"n":2}""");

        Assert.Equal(HttpStatusCode.InternalServerError, away.Status);
        Assert.Contains("ERR_PUBSUB_PUBLISH_MESSAGE", away.Body, StringComparison.Ordinal);
        Assert.Equal("""{"n":2}""", (await app.NextAsync()).Body);
    }

    [Fact]
    public async Task What_the_sidecar_cannot_do_is_refused_by_name()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus]);
        var app = new TestApp
        {
            Subscriptions = """
                [{"pubsubname":"bus","topic":"beamline.a","routes":{"rules":[{"match":"true","path":"/x"}]}},
                 {"pubsubname":"bus","topic":"beamline.b","route":"/b","bulkSubscribe":{"enabled":true}},
                 {"pubsubname":"bus","topic":"beamline.c","route":"/c","deadLetterTopic":"beamline.d"},
                 {"pubsubname":"bus","topic":"elsewhere.c","route":"/c"},
                 {"pubsubname":"nope","topic":"beamline.e","route":"/e"}]
                """,
        };

        var sidecar = await test.AddAsync("worker", app);

        Assert.Equal(5, sidecar.RefusedSubscriptions.Count);
        Assert.Contains(sidecar.RefusedSubscriptions, why => why.Contains("bus/beamline.a: routing rules", StringComparison.Ordinal));
    }
}
