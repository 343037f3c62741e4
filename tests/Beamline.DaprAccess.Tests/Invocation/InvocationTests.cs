using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace Beamline.DaprAccess.Tests;

public class InvocationTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_request_is_posted_as_json_and_the_answer_read()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(200, """{"n":2}""");
        using var dapr = sidecar.Client();

        var answer = await InvokeAsync(dapr, new Ping(1), Ct);

        Assert.Equal(2, answer.N);
        var seen = sidecar.Requests[0];
        Assert.Equal(("POST", "/v1.0/invoke/scheduler/method/tasks/get", """{"n":1}"""), (seen.Method, seen.Target, seen.Text));
        Assert.Equal("application/json", seen.Headers["Content-Type"]);
    }

    [Fact]
    public async Task A_connection_whose_other_end_dies_as_it_is_made_is_a_sidecar_that_is_away()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client(options => options.PrimaryHandlerFactory = () => new DyingSocket());

        var invoked = await Assert.ThrowsAsync<DaprInvocationException>(() => InvokeAsync(dapr, new Ping(1), Ct));
        await Assert.ThrowsAsync<DaprException>(() => dapr.PublishEventAsync("bus", "topic", "{}"u8.ToArray(), ct: Ct));

        Assert.Equal(DaprInvocationFailure.SidecarUnreachable, invoked.Failure);
        Assert.False(await dapr.CheckHealthAsync(Ct));
    }

    [Theory]
    [InlineData("failed to invoke, id: nobody, err: no host found with the given ID", DaprInvocationFailure.AppNotFound, true)]
    [InlineData("failed to invoke, id: callee, err: circuit breaker is open", DaprInvocationFailure.CircuitOpen, true)]
    [InlineData("failed to invoke, id: callee, err: stream too large", DaprInvocationFailure.RequestTooLarge, true)]
    [InlineData("failed to invoke, id: callee, err: context deadline exceeded", DaprInvocationFailure.TimedOut, false)]
    [InlineData("failed to invoke, id: callee, err: rpc error: code = Internal desc = error invoking app channel: Get \\\"http://127.0.0.1:1/json\\\": connect: connection refused", DaprInvocationFailure.AppUnreachable, false)]
    [InlineData("failed to invoke, id: callee, err: failed to invoke target callee after 3 retries. Error: rpc error: code = Unavailable", DaprInvocationFailure.AppUnreachable, false)]
    [InlineData("failed to invoke, id: caller, err: rpc error: code = Internal desc = app channel is not initialized", DaprInvocationFailure.AppUnreachable, false)]
    public async Task A_failure_says_at_which_stage_it_happened(string message, DaprInvocationFailure failure, bool certainlyNotRun)
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(500, $$"""{"errorCode":"ERR_DIRECT_INVOKE","message":"{{message}}"}""");
        using var dapr = sidecar.Client();

        var thrown = await Assert.ThrowsAsync<DaprInvocationException>(() => InvokeAsync(dapr, new Ping(1), Ct));

        Assert.Equal((failure, certainlyNotRun), (thrown.Failure, thrown.HasCertainlyNotRun));
        Assert.Equal(("ERR_DIRECT_INVOKE", "scheduler", "tasks/get"), (thrown.ErrorCode, thrown.AppId, thrown.MethodName));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task The_callees_own_error_is_not_taken_for_the_sidecars(int status)
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(status, $$"""{"title":"status {{status}}"}""");
        using var dapr = sidecar.Client();

        var thrown = await Assert.ThrowsAsync<DaprInvocationException>(() => InvokeAsync(dapr, new Ping(1), Ct));

        Assert.Equal((DaprInvocationFailure.CalleeAnswered, (HttpStatusCode)status), (thrown.Failure, thrown.StatusCode!.Value));
        Assert.Contains($"status {status}", thrown.BodyExcerpt);
    }

    [Fact]
    public async Task A_long_error_is_cut()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(500, new string('x', 5_000_000));
        using var dapr = sidecar.Client();

        var thrown = await Assert.ThrowsAsync<DaprInvocationException>(() => InvokeAsync(dapr, new Ping(1), Ct));

        Assert.InRange(thrown.BodyExcerpt.Length, 1, 600);
    }

    [Fact]
    public async Task A_sidecar_that_is_not_there_is_told_apart_from_one_that_refuses()
    {
        var sidecar = await RecordedSidecar.AnswersAsync(200, "{}");
        using var dapr = sidecar.Client();
        await sidecar.DisposeAsync();

        var thrown = await Assert.ThrowsAsync<DaprInvocationException>(() => InvokeAsync(dapr, new Ping(1), Ct));

        Assert.Equal((DaprInvocationFailure.SidecarUnreachable, true), (thrown.Failure, thrown.HasCertainlyNotRun));
    }

    [Fact]
    public async Task A_connection_that_is_not_made_in_time_is_not_the_callers_cancellation()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(200, "{}");
        using var dapr = sidecar.Client(options => options.PrimaryHandlerFactory = () => new ConnectTimeoutHandler());

        var invoke = await Assert.ThrowsAsync<DaprInvocationException>(() => InvokeAsync(dapr, new Ping(1), Ct));
        var get = await Assert.ThrowsAsync<DaprException>(() => dapr.GetMetadataAsync(Ct));

        Assert.Equal(DaprInvocationFailure.SidecarUnreachable, invoke.Failure);
        Assert.Contains("cannot be reached", get.Message);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("null")]
    [InlineData("")]
    public async Task A_success_with_an_unreadable_body_is_an_invalid_answer(string body)
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(200, body);
        using var dapr = sidecar.Client();

        var thrown = await Assert.ThrowsAsync<DaprInvocationException>(() => InvokeAsync(dapr, new Ping(1), Ct));

        Assert.Equal(DaprInvocationFailure.InvalidAnswer, thrown.Failure);
    }

    [Fact]
    public async Task An_answer_above_the_bound_is_refused()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(200, $$"""{"n":1,"pad":"{{new string('x', 5000)}}"}""");
        using var dapr = sidecar.Client(options => options.MaxAnswerBytes = 1000);

        var thrown = await Assert.ThrowsAsync<DaprInvocationException>(() => InvokeAsync(dapr, new Ping(1), Ct));

        Assert.Equal(DaprInvocationFailure.InvalidAnswer, thrown.Failure);
        Assert.Contains("1000 bytes", thrown.Message);
    }

    [Fact]
    public async Task A_stream_is_read_while_the_callee_still_writes()
    {
        var firstRead = new TaskCompletionSource();
        await using var sidecar = await RecordedSidecar.RunsAsync(async context =>
        {
            await context.Response.WriteAsync("{\"n\":1}\n");
            await context.Response.Body.FlushAsync();
            await firstRead.Task;
            await context.Response.WriteAsync("{\"n\":2}\n");
        });
        using var dapr = sidecar.Client();

        using var response = await dapr.InvokeMethodStreamAsync("scheduler", "tasks/watch", new Ping(0), PingJson.Default.Ping, Ct);
        await using var stream = await response.Content.ReadAsStreamAsync(Ct);
        var seen = new List<int>();
        await foreach (var ping in JsonSerializer.DeserializeAsyncEnumerable(stream, PingJson.Default.Ping, topLevelValues: true, Ct))
        {
            seen.Add(ping!.N);
            firstRead.TrySetResult();
        }

        Assert.Equal([1, 2], seen);
    }

    [Fact]
    public async Task Giving_up_on_a_held_call_reaches_the_callee()
    {
        var held = new TaskCompletionSource();
        var aborted = new TaskCompletionSource();
        await using var sidecar = await RecordedSidecar.RunsAsync(async context =>
        {
            context.RequestAborted.Register(() => aborted.TrySetResult());
            held.SetResult();
            await aborted.Task;
        });
        using var dapr = sidecar.Client();
        using var giveUp = new CancellationTokenSource();

        var call = InvokeAsync(dapr, new Ping(1), giveUp.Token);
        await held.Task.WaitAsync(Ct);
        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(10), Ct);
    }

    // What SocketsHttpHandler does when its ConnectTimeout has passed.
    private sealed class ConnectTimeoutHandler : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new TaskCanceledException("connecting took too long", new TimeoutException());
    }

    private static Task<Ping> InvokeAsync(DaprClient dapr, Ping request, CancellationToken ct) =>
        dapr.InvokeMethodAsync("scheduler", "tasks/get", request, PingJson.Default.Ping, PingJson.Default.Ping, ct);

    /// <summary>What the sockets' handler lets out in that moment: no HttpRequestException.</summary>
    private sealed class DyingSocket : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromException<HttpResponseMessage>(new SocketException((int)SocketError.NotConnected));
    }
}

internal sealed record Ping(int N);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Ping))]
internal sealed partial class PingJson : JsonSerializerContext;
