using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Beamline.InProcess.Tests;

public sealed class InProcessHandlerTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_minimal_api_sees_path_query_headers_and_body()
    {
        await using var app = await StartAsync(routes => routes.MapPost("/items/{id}", async (string id, string q, HttpContext context) =>
        {
            using var reader = new StreamReader(context.Request.Body);
            context.Response.Headers["x-two"] = new[] { "a", "b" };
            return Results.Json(new { id, q, kind = context.Request.Headers["x-kind"].ToString(), body = await reader.ReadToEndAsync(), length = context.Request.ContentLength }, statusCode: 201);
        }));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/items/a%20b?q=x%2Fy") { Content = new StringContent("héllo") };
        request.Headers.Add("x-kind", "test");

        using var response = await app.Client.SendAsync(request, Token);

        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Equal("""{"id":"a b","q":"x/y","kind":"test","body":"héllo","length":6}""", await response.Content.ReadAsStringAsync(Token));
        Assert.Equal(["a", "b"], response.Headers.GetValues("x-two"));
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task A_large_body_streams_both_ways_within_bounded_buffers()
    {
        using var client = Client(async context => await context.Request.Body.CopyToAsync(context.Response.Body));
        var body = new byte[5_000_000];
        new Random(1).NextBytes(body);

        using var pulled = await client.PostAsync("/", new ByteArrayContent(body), Token);
        using var pushed = await client.PostAsync("/", new PushContent(body), Token);

        Assert.Equal(body, await pulled.Content.ReadAsByteArrayAsync(Token));
        Assert.Equal(body, await pushed.Content.ReadAsByteArrayAsync(Token));
    }

    [Fact]
    public async Task The_response_is_there_when_its_headers_start()
    {
        var next = new SemaphoreSlim(0);
        using var client = Client(async context =>
        {
            await context.Response.StartAsync();
            await next.WaitAsync();
            await context.Response.WriteAsync("late");
        });

        using var response = await client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Token);

        next.Release();
        Assert.Equal("late", await response.Content.ReadAsStringAsync(Token));
    }

    [Fact]
    public async Task A_writer_far_ahead_of_its_reader_waits()
    {
        var written = 0;
        var full = new TaskCompletionSource();
        using var client = Client(async context =>
        {
            for (; written < 1_000_000; written += 1_000)
            {
                var write = context.Response.Body.WriteAsync(new byte[1_000]);
                if (!write.IsCompleted)
                {
                    full.TrySetResult();
                }

                await write;
            }
        });

        using var response = await client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Token);
        await full.Task;

        Assert.InRange(written, 32_000, 80_000);
        Assert.Equal(1_000_000, (await response.Content.ReadAsByteArrayAsync(Token)).Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_caller_that_leaves_aborts_the_request(bool afterHeaders)
    {
        var entered = new TaskCompletionSource();
        var aborted = new TaskCompletionSource();
        using var client = Client(async context =>
        {
            context.RequestAborted.Register(() => aborted.SetResult());
            if (afterHeaders)
            {
                await context.Response.StartAsync();
            }

            entered.SetResult();
            await aborted.Task;
        });
        using var leaving = new CancellationTokenSource();

        var call = client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, leaving.Token);
        await entered.Task;
        if (afterHeaders)
        {
            (await call).Dispose();
        }
        else
        {
            await leaving.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        await aborted.Task.WaitAsync(Token);
    }

    [Fact]
    public async Task A_failure_before_the_headers_is_500_and_after_them_breaks_the_body_off()
    {
        using var early = Client(_ => throw new InvalidOperationException("early"));
        using var late = Client(async context =>
        {
            await context.Response.WriteAsync("half");
            throw new InvalidOperationException("late");
        });

        Assert.Equal(HttpStatusCode.InternalServerError, (await early.GetAsync("/", Token)).StatusCode);
        using var response = await late.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Token);
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsStringAsync(Token));
    }

    [Fact]
    public async Task The_callers_trace_context_goes_along_unless_the_request_has_its_own()
    {
        string? seen = null;
        using var client = Client(context =>
        {
            seen = context.Request.Headers.TraceParent;
            return Task.CompletedTask;
        });
        using var activity = new Activity("test").Start();

        await client.GetAsync("/", Token);
        Assert.Equal(activity.Id, seen);
        using var own = new HttpRequestMessage(HttpMethod.Get, "/");
        own.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        await client.SendAsync(own, Token);
        Assert.Equal("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", seen);
    }

    [Fact]
    public async Task A_server_that_is_not_running_refuses_and_a_stop_waits_for_what_is_in_flight()
    {
        var entered = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        var app = await StartAsync(routes => routes.MapGet("/", async () =>
        {
            entered.SetResult();
            await release.Task;
            return "done";
        }));
        var call = app.Client.GetStringAsync("/", Token);
        await entered.Task;

        var stopping = app.Application.StopAsync(Token);
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => app.Client.GetAsync("/", Token));
        Assert.Equal(HttpRequestError.ConnectionError, refused.HttpRequestError);
        Assert.False(stopping.IsCompleted);
        release.SetResult();

        Assert.Equal("done", await call);
        await stopping;
        await app.DisposeAsync();
    }

    private static HttpClient Client(RequestDelegate application) => new(new InProcessHandler(application)) { BaseAddress = new Uri("http://app") };

    private static async Task<RunningApp> StartAsync(Action<WebApplication> map)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var server = new InProcessServer();
        builder.Services.AddSingleton<IServer>(server);
        var app = builder.Build();
        map(app);
        await app.StartAsync(Token);
        return new RunningApp(app, new HttpClient(new InProcessHandler(server)) { BaseAddress = new Uri("http://app") });
    }

    private sealed record RunningApp(WebApplication Application, HttpClient Client) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await Application.DisposeAsync();
        }
    }

    private sealed class PushContent(byte[] body) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context) => await stream.WriteAsync(body);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
