using System.Net;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Tests;

public sealed class InvokeTests
{
    private const string Policies = """
        apiVersion: dapr.io/v1alpha1
        kind: Resiliency
        metadata: { name: res }
        spec:
          policies:
            retries:
              r: { policy: constant, duration: 200ms, maxRetries: 2, matching: { httpStatusCodes: "503" } }
            timeouts:
              t: 1s
            circuitBreakers:
              cb: { maxRequests: 1, timeout: 3s, trip: "consecutiveFailures >= 3" }
          targets:
            apps:
              callee: { retry: r }
              fragile: { circuitBreaker: cb }
              slow: { timeout: t }
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_passes_method_path_headers_and_body_both_ways(bool overSockets)
    {
        await using var test = await TestSidecar.StartAsync([]);
        var callee = new TestApp();
        callee.Answer("/echo/x y", (received, _) => Reply.Text(received.Body, "application/json", status: 409));
        await test.AddAsync("callee", callee, options => options with { AppApiToken = "app-secret" });
        var caller = await test.AddAsync("caller", null, options => options with { ListenPort = overSockets ? 0 : null });
        using var client = overSockets ? new HttpClient { BaseAddress = caller.HttpEndpoint } : caller.Client();

        var (status, body, response) = await client.CallAsync(
            HttpMethod.Put, "/v1.0/invoke/callee.default/method/echo/x%20y?a=1&b=x%20y", """{"n":1}""", headers: [("x-custom", "abc"), ("dapr-api-token", "mine")]);

        var received = await callee.NextAsync();
        Assert.Equal((HttpStatusCode.Conflict, """{"n":1}"""), (status, body));
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(("PUT", "/echo/x y?a=1&b=x%20y"), (received.Method, received.Path));
        Assert.Equal("abc", received.Headers["x-custom"]);
        Assert.Equal(("caller", "callee"), (received.Headers["dapr-caller-app-id"], received.Headers["dapr-callee-app-id"]));
        Assert.Equal("app-secret", received.Headers["dapr-api-token"]);
    }

    [Fact]
    public async Task Several_instances_share_the_calls_and_a_removed_one_gets_none()
    {
        await using var test = await TestSidecar.StartAsync([]);
        var (one, two) = (new TestApp(), new TestApp());
        await test.AddAsync("callee", one);
        var second = await test.AddAsync("callee", two);
        var client = (await test.AddAsync("caller")).Client();

        for (var call = 0; call < 100; call++)
        {
            await client.CallAsync(HttpMethod.Get, "/v1.0/invoke/callee/method/m");
        }

        Assert.InRange(one.CallsOf("/m"), 20, 80);
        Assert.Equal(100, one.CallsOf("/m") + two.CallsOf("/m"));
        await second.RemoveAsync();
        var before = two.CallsOf("/m");
        await client.CallAsync(HttpMethod.Get, "/v1.0/invoke/callee/method/m");
        Assert.Equal(before, two.CallsOf("/m"));
    }

    [Fact]
    public async Task A_retry_repeats_what_it_matches_and_passes_everything_else_on()
    {
        var time = new ManualTime();
        await using var test = await TestSidecar.StartAsync([Policies], time);
        var callee = new TestApp();
        callee.Answer("/flaky", (_, count) => Reply.StatusCode(count < 3 ? 503 : 200));
        callee.Answer("/bad", (_, _) => Reply.StatusCode(400));
        await test.AddAsync("callee", callee);
        var client = (await test.AddAsync("caller")).Client();

        var flaky = client.CallAsync(HttpMethod.Post, "/v1.0/invoke/callee/method/flaky", """{"n":1}""");
        while (!flaky.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Yield();
        }

        Assert.Equal(HttpStatusCode.OK, (await flaky).Status);
        Assert.Equal(["""{"n":1}""", """{"n":1}""", """{"n":1}"""], [(await callee.NextAsync()).Body, (await callee.NextAsync()).Body, (await callee.NextAsync()).Body]);
        Assert.Equal(HttpStatusCode.BadRequest, (await client.CallAsync(HttpMethod.Get, "/v1.0/invoke/callee/method/bad")).Status);
        Assert.Equal(1, callee.CallsOf("/bad"));
    }

    [Fact]
    public async Task A_breaker_opens_a_path_after_three_failures_and_tries_again_after_its_timeout()
    {
        var time = new ManualTime();
        await using var test = await TestSidecar.StartAsync([Policies], time);
        var callee = new TestApp();
        callee.Answer("/m", (_, count) => Reply.StatusCode(count <= 3 ? 404 : 200));
        await test.AddAsync("fragile", callee);
        var client = (await test.AddAsync("caller")).Client();

        for (var call = 0; call < 3; call++)
        {
            Assert.Equal(HttpStatusCode.NotFound, (await client.CallAsync(HttpMethod.Get, "/v1.0/invoke/fragile/method/m")).Status);
        }

        var open = await client.CallAsync(HttpMethod.Get, "/v1.0/invoke/fragile/method/m");
        Assert.Equal(HttpStatusCode.InternalServerError, open.Status);
        Assert.Contains("circuit breaker is open", open.Body, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await client.CallAsync(HttpMethod.Get, "/v1.0/invoke/fragile/method/other")).Status);
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(HttpStatusCode.OK, (await client.CallAsync(HttpMethod.Get, "/v1.0/invoke/fragile/method/m")).Status);
    }

    [Fact]
    public async Task A_timeout_ends_the_call_and_tells_the_callee()
    {
        var time = new ManualTime();
        await using var test = await TestSidecar.StartAsync([Policies], time);
        var entered = new TaskCompletionSource();
        var aborted = new TaskCompletionSource();
        await test.Sidecar.AddAppAsync(
            new SidecarAppOptions
            {
                AppId = "slow",
                AppHandler = new InProcess.InProcessHandler(async context =>
                {
                    if (context.Request.Path == "/hang")
                    {
                        context.RequestAborted.Register(() => aborted.SetResult());
                        entered.SetResult();
                        await aborted.Task;
                    }
                }),
            },
            TestContext.Current.CancellationToken);
        var client = (await test.AddAsync("caller")).Client();

        var call = client.CallAsync(HttpMethod.Get, "/v1.0/invoke/slow/method/hang");
        await entered.Task;
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.Contains("context deadline exceeded", (await call).Body, StringComparison.Ordinal);
        await aborted.Task;
    }

    [Fact]
    public async Task An_app_that_dies_as_its_connection_is_made_is_an_app_that_is_away()
    {
        await using var test = await TestSidecar.StartAsync([]);
        await test.AddAsync("callee", null, options => options with { AppHandler = new DyingSocket() });
        var client = (await test.AddAsync("caller")).Client();

        var answer = await client.CallAsync(HttpMethod.Get, "/v1.0/invoke/callee/method/any");

        Assert.Contains("error invoking app channel", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_held_stream_arrives_line_by_line()
    {
        await using var test = await TestSidecar.StartAsync([]);
        var next = new SemaphoreSlim(0);
        await test.AddAsync("callee", null, options => options with
        {
            AppHandler = new InProcess.InProcessHandler(async context =>
            {
                for (var line = 1; line <= 2 && context.Request.Path == "/watch"; line++)
                {
                    await context.Response.WriteAsync($"line {line}\n");
                    await next.WaitAsync(context.RequestAborted);
                }
            }),
        });
        using var client = (await test.AddAsync("caller")).Client();
        using var response = await client.GetAsync("/v1.0/invoke/callee/method/watch", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));

        Assert.Equal("line 1", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        next.Release();
        Assert.Equal("line 2", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Without_the_token_the_api_answers_401_but_for_its_health()
    {
        await using var test = await TestSidecar.StartAsync([], change: options => options with { ApiToken = "sesame" });
        var client = (await test.AddAsync("shop")).Client();

        Assert.Equal((HttpStatusCode.Unauthorized, "invalid api token\n"), await Short(client.CallAsync(HttpMethod.Get, "/v1.0/metadata")));
        Assert.Equal(HttpStatusCode.OK, (await client.CallAsync(HttpMethod.Get, "/v1.0/metadata", headers: ("dapr-api-token", "sesame"))).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await client.CallAsync(HttpMethod.Get, "/v1.0/healthz")).Status);

        static async Task<(HttpStatusCode, string)> Short(Task<(HttpStatusCode Status, string Body, HttpResponseMessage Response)> call)
        {
            var (status, body, _) = await call;
            return (status, body);
        }
    }

    [Fact]
    public async Task An_app_that_comes_up_late_is_subscribed_when_it_answers()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus]);
        var server = new InProcess.InProcessServer();
        var app = new TestApp { Subscriptions = """[{"pubsubname":"bus","topic":"beamline.x","route":"/x"}]""" };
        var added = await test.Sidecar.AddAppAsync(
            new SidecarAppOptions { AppId = "late", AppHandler = new InProcess.InProcessHandler(server), AppProbeInterval = TimeSpan.FromMilliseconds(5) },
            TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.InternalServerError, (await added.Client().CallAsync(HttpMethod.Get, "/v1.0/healthz")).Status);

        await server.StartAsync(new PlainApplication(app.HandleAsync), TestContext.Current.CancellationToken);
        await added.WaitReadyAsync(TestContext.Current.CancellationToken);
        await added.Client().CallAsync(HttpMethod.Post, "/v1.0/publish/bus/beamline.x", "1");

        Assert.Equal("/x", (await app.NextAsync()).Path);
        Assert.Equal(HttpStatusCode.NoContent, (await added.Client().CallAsync(HttpMethod.Get, "/v1.0/healthz")).Status);
    }

    private sealed class PlainApplication(RequestDelegate application) : Microsoft.AspNetCore.Hosting.Server.IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(Microsoft.AspNetCore.Http.Features.IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => application(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
        }
    }

    /// <summary>Answers until a method is invoked; then lets out what the sockets' handler does when the app dies as it connects.</summary>
    private sealed class DyingSocket : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => request.RequestUri!.AbsolutePath == "/any"
            ? Task.FromException<HttpResponseMessage>(new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.NotConnected))
            : Task.FromResult(new HttpResponseMessage(System.Net.HttpStatusCode.NotFound));
    }
}
