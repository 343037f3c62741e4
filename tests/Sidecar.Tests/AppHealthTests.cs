using System.Net;
using System.Threading.Channels;

namespace Beamline.Sidecar.Tests;

/// <summary>Apps that go down and come back, and consumers that stand by.</summary>
public sealed class AppHealthTests
{
    private const string Lane = """[{"pubsubname":"lane","topic":"beamline.work","route":"/work"}]""";

    [Fact]
    public async Task A_down_app_gets_no_deliveries_or_calls_and_is_subscribed_again_when_it_is_back()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus, Durable(("queueGroupName", "work"))]);
        var app = new TestApp { Subscriptions = Lane };
        var health = new Health(app);
        var sidecar = await test.AddAsync("worker", null, options => options with
        {
            AppHandler = health.Handler(), EnableAppHealthCheck = true, AppHealthInterval = TimeSpan.FromMilliseconds(20), AppHealthThreshold = 2,
        });
        var caller = await test.AddAsync("caller");
        await PublishAsync(caller, 1);
        Assert.Equal("""{"n":1}""", (await app.NextAsync()).Body);

        health.IsDown = true;
        await health.AskedAsync(3); // Two failed probes count as down; with the third the lanes have ended.
        await PublishAsync(caller, 2);
        var called = await caller.Client().CallAsync(HttpMethod.Post, "/v1.0/invoke/worker/method/x", "{}");
        Assert.Contains("app is not in a healthy state", called.Body, StringComparison.Ordinal);
        Assert.Equal(1, app.CallsOf("/work"));

        health.IsDown = false;
        Assert.Equal("""{"n":2}""", (await app.NextAsync()).Body);
        Assert.Equal(HttpStatusCode.OK, (await caller.Client().CallAsync(HttpMethod.Post, "/v1.0/invoke/worker/method/x", "{}")).Status);
        Assert.Single((await sidecar.Client().CallAsync(HttpMethod.Get, "/v1.0/metadata")).Body.Split("\"subscriptions\"")[1..]);
    }

    [Fact]
    public async Task Of_a_durable_without_a_queue_group_one_is_active_and_another_takes_over()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus, Durable()]);
        var (first, second) = (new TestApp { Subscriptions = Lane }, new TestApp { Subscriptions = Lane });
        var active = await test.AddAsync("worker", first);
        await test.AddAsync("worker", second);
        var publisher = await test.AddAsync("publisher");
        for (var number = 1; number <= 5; number++)
        {
            await PublishAsync(publisher, number);
            Assert.Equal($$"""{"n":{{number}}}""", (await first.NextAsync()).Body);
        }

        Assert.Equal(0, second.CallsOf("/work"));
        await active.RemoveAsync();
        await PublishAsync(publisher, 6);

        Assert.Equal("""{"n":6}""", (await second.NextAsync()).Body);
        Assert.Equal(5, first.CallsOf("/work"));
    }

    private static string Durable(params (string, string)[] more) =>
        TestSidecar.Component("lane", "pubsub.jetstream", [("durableName", "work"), ("ackWait", "5s"), .. more]);

    private static async Task PublishAsync(SidecarApp from, int number) => Assert.Equal(
        HttpStatusCode.NoContent,
        (await from.Client().CallAsync(HttpMethod.Post, "/v1.0/publish/bus/beamline.work?metadata.rawPayload=true", $$"""{"n":{{number}}}""")).Status);

    /// <summary>The app's probe, which fails when told.</summary>
    private sealed class Health(TestApp app)
    {
        private readonly Channel<bool> _failed = Channel.CreateBounded<bool>(10_000);
        private volatile bool _isDown;

        public bool IsDown { set => _isDown = value; }

        public async Task AskedAsync(int times)
        {
            for (var i = 0; i < times; i++)
            {
                await _failed.Reader.ReadAsync(TestContext.Current.CancellationToken);
            }
        }

        public InProcess.InProcessHandler Handler() => new(async context =>
        {
            if (context.Request.Path == "/healthz" && _isDown)
            {
                context.Response.StatusCode = 503;
                _failed.Writer.TryWrite(true);
                return;
            }

            await app.HandleAsync(context);
        });
    }
}
