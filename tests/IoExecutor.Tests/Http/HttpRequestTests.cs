using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.TestKit.Blocks;
using Microsoft.AspNetCore.Http;

namespace Beamline.IoExecutor.Tests.Http;

public sealed class HttpRequestTests
{
    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("PROPFIND")]
    public async Task Every_method_arrives_with_its_query_headers_and_body(string method)
    {
        await using var server = await LocalServer.StartAsync(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            http.Response.Headers["X-Many"] = new(["1", "2"]);
            await http.Response.WriteAsync($"{http.Request.Method} {http.Request.QueryString} {http.Request.Headers["X-A"]} {http.Request.ContentType} {await reader.ReadToEndAsync()}");
        });
        var outputs = (await HttpFixture.Block().RunAsync(
            $$"""{"url": "{{server.Url}}/p?x=1", "method": "{{method}}", "query": {"q": ["a b", 2]}, "headers": {"X-A": ["1", "2"], "Content-Type": "text/plain"}, "body": "hällo"}""")).Outputs();
        Assert.Equal(200, outputs.GetProperty("status_code").GetInt32());
        Assert.Equal($"{method} ?x=1&q=a%20b&q=2 1, 2 text/plain hällo", outputs.GetProperty("body").GetString());
        Assert.Equal(["1", "2"], outputs.GetProperty("headers").GetProperty("X-Many").EnumerateArray().Select(e => e.GetString()));
        Assert.True(outputs.GetProperty("latency_ms").GetInt64() >= 0);
    }

    [Fact]
    public async Task Head_answers_headers_without_a_body()
    {
        await using var server = await LocalServer.StartAsync(http =>
        {
            http.Response.ContentLength = 10_000_000;
            return Task.CompletedTask;
        });
        var outputs = (await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}", "method": "HEAD"}""")).Outputs();
        Assert.Equal("", outputs.GetProperty("body").GetString());
    }

    [Fact]
    public async Task Bytes_that_are_no_text_go_and_come_as_base64()
    {
        await using var server = await LocalServer.StartAsync(http => http.Request.Body.CopyToAsync(http.Response.Body));
        var outputs = (await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}", "method": "POST", "body_base64": "AP/+"}""")).Outputs();
        Assert.Equal("AP/+", outputs.GetProperty("body_base64").GetString());
        Assert.False(outputs.TryGetProperty("body", out _));
    }

    [Fact]
    public async Task The_executors_endpoint_is_called_when_no_url_is_given()
    {
        await using var server = await LocalServer.StartAsync(http => http.Response.WriteAsync("endpoint"));
        var request = BlockRun.Request("http.request", "{}") with { Endpoint = server.Url };
        var outcome = await HttpFixture.Block().ExecuteAsync(request, BlockRun.Context(), TestContext.Current.CancellationToken);
        Assert.Equal("endpoint", outcome.Outputs().GetProperty("body").GetString());
    }

    [Theory]
    [InlineData(400, false)]
    [InlineData(401, false)]
    [InlineData(404, false)]
    [InlineData(408, true)]
    [InlineData(425, true)]
    [InlineData(429, true)]
    [InlineData(499, false)]
    [InlineData(500, true)]
    [InlineData(503, true)]
    public async Task An_error_status_is_3003_and_retried_only_where_that_may_help(int status, bool retryable)
    {
        await using var server = await LocalServer.StartAsync(http =>
        {
            http.Response.StatusCode = status;
            return http.Response.WriteAsync("because");
        });
        var outcome = await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}"}""");
        Assert.Equal(ErrorCode.HttpError, outcome.Code);
        Assert.Equal(retryable, outcome.Retryable);
        var details = outcome.Details!.Value.Parse().RootElement;
        Assert.Equal(status, details.GetProperty("status_code").GetInt32());
        Assert.Equal("because", details.GetProperty("body").GetString());
    }

    [Fact]
    public async Task Retry_After_reaches_the_runner_as_seconds_or_date()
    {
        var value = "7";
        await using var server = await LocalServer.StartAsync(http =>
        {
            http.Response.StatusCode = 503;
            http.Response.Headers.RetryAfter = value;
            return Task.CompletedTask;
        });
        var block = HttpFixture.Block();
        Assert.Equal(TimeSpan.FromSeconds(7), (await block.RunAsync($$"""{"url": "{{server.Url}}"}""")).RetryAfter);
        value = TimeProvider.System.GetUtcNow().AddSeconds(100).ToString("R", CultureInfo.InvariantCulture);
        Assert.InRange((await block.RunAsync($$"""{"url": "{{server.Url}}"}""")).RetryAfter!.Value.TotalSeconds, 90, 100);
        value = "soon";
        Assert.Null((await block.RunAsync($$"""{"url": "{{server.Url}}"}""")).RetryAfter);
    }

    [Theory]
    [InlineData("""{}""", ErrorCode.MissingRequiredField)]
    [InlineData("""{"url": 5}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "ftp://example.com/"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "file:///etc/passwd"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "/relative"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://user:pass@example.com/"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/\r\nX: y"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/ HTTP/1.1"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "method": "GE T"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "method": "GET\r\nX: y"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "method": "CONNECT"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"X-A": "1\r\nX-B: 2"}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"X-A": "1\nX-B: 2"}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"X-A": "1\u0000"}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"X-A:\r\nX-B": "2"}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"": "2"}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"Transfer-Encoding": "chunked"}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"Host": "other"}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"Content-Length": "5"}, "body": "x"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": {"X-A": {"b": 1}}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "headers": "X-A: 1"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "query": {"a": {}}}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "body": "x", "body_base64": "eA=="}""", ErrorCode.InvalidInput)]
    [InlineData("""{"url": "http://example.com/", "body_base64": "%"}""", ErrorCode.InvalidFormat)]
    public async Task Bad_inputs_and_header_injection_are_refused_before_anything_is_sent(string inputs, ErrorCode code)
    {
        var outcome = await HttpFixture.Strict().RunAsync(inputs);
        Assert.Equal(code, outcome.Code);
        Assert.False(outcome.Retryable);
    }

    [Fact]
    public async Task Header_values_never_show_in_the_fault()
    {
        var outcome = await HttpFixture.Strict().RunAsync("""{"url": "http://example.com/", "headers": {"Authorization": "s3cret\r\n"}}""");
        Assert.DoesNotContain("s3cret", outcome.Message + outcome.Details, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_response_over_the_bound_is_cut_off_while_it_streams()
    {
        long sent = 0;
        await using var server = new RawServer(async (stream, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"u8.ToArray(), stop);
            var block = new byte[64 * 1024];
            while (true)
            {
                // Throws once the block has closed the connection.
                await stream.WriteAsync(block, stop);
                Interlocked.Add(ref sent, block.Length);
            }
        });
        var outcome = await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}"}""", maxOutputBytes: 100_000);
        Assert.Equal("output_too_large", outcome.Reason(ErrorCode.ExecutionFailed));
        Assert.False(outcome.Retryable);
        Assert.InRange(Interlocked.Read(ref sent), 0, 50_000_000);
    }

    [Fact]
    public async Task A_response_of_exactly_the_bound_is_taken()
    {
        await using var server = await LocalServer.StartAsync(http => http.Response.WriteAsync(new string('x', 5_000)));
        var block = HttpFixture.Block();
        Assert.True((await block.RunAsync($$"""{"url": "{{server.Url}}"}""", maxOutputBytes: 5_000)).IsOk);
        Assert.Equal(ErrorCode.ExecutionFailed, (await block.RunAsync($$"""{"url": "{{server.Url}}"}""", maxOutputBytes: 4_999)).Code);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task Compression_is_undone_and_a_bomb_is_cut_off(string encoding)
    {
        var zeros = 100;
        await using var server = await LocalServer.StartAsync(async http =>
        {
            http.Response.Headers.ContentEncoding = encoding;
            await using Stream packed = encoding == "br" ? new BrotliStream(http.Response.Body, CompressionLevel.Fastest) : new GZipStream(http.Response.Body, CompressionLevel.Fastest);
            for (var i = 0; i < zeros; i++)
            {
                await packed.WriteAsync(Encoding.ASCII.GetBytes(new string('0', 1000)), http.RequestAborted);
            }
        });
        var block = HttpFixture.Block();
        var outputs = (await block.RunAsync($$"""{"url": "{{server.Url}}"}""")).Outputs();
        Assert.Equal(new string('0', 100_000), outputs.GetProperty("body").GetString());
        zeros = 100_000;
        Assert.Equal("output_too_large", (await block.RunAsync($$"""{"url": "{{server.Url}}"}""")).Reason(ErrorCode.ExecutionFailed));
    }

    [Fact]
    public async Task Cancellation_reaches_a_call_in_flight_within_100_ms()
    {
        var arrived = new TaskCompletionSource();
        var aborted = new TaskCompletionSource();
        await using var server = await LocalServer.StartAsync(async http =>
        {
            http.RequestAborted.Register(aborted.SetResult);
            arrived.SetResult();
            await aborted.Task;
        });
        using var stop = new CancellationTokenSource();
        var running = HttpFixture.Block().RunUntilAsync($$"""{"url": "{{server.Url}}"}""", stop.Token);
        await arrived.Task;
        var started = TimeProvider.System.GetTimestamp();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
        await aborted.Task;
    }

    [Fact]
    public async Task A_server_that_drips_its_body_ends_with_the_token()
    {
        var dripped = new TaskCompletionSource();
        await using var server = new RawServer(async (stream, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"u8.ToArray(), stop);
            dripped.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
        });
        using var deadline = new CancellationTokenSource();
        var running = HttpFixture.Block().RunUntilAsync($$"""{"url": "{{server.Url}}"}""", deadline.Token);
        await dripped.Task;
        await deadline.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task A_port_without_a_listener_is_3001_and_retryable()
    {
        int port;
        await using (var server = await LocalServer.StartAsync(_ => Task.CompletedTask))
        {
            port = server.Port;
        }

        var outcome = await HttpFixture.Block().RunAsync($$"""{"url": "http://127.0.0.1:{{port}}/"}""");
        Assert.Equal("connect", outcome.Reason(ErrorCode.NetworkError));
        Assert.NotEqual(false, outcome.Retryable);
    }

    [Fact]
    public async Task A_connection_that_never_answers_the_tls_handshake_is_3002()
    {
        // A listener that accepts and stays silent: the handshake is part of connecting.
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var block = HttpFixture.Block(http => http.ConnectTimeout = TimeSpan.FromMilliseconds(200));
        var outcome = await block.RunAsync($$"""{"url": "https://127.0.0.1:{{((System.Net.IPEndPoint)listener.LocalEndpoint).Port}}/"}""");
        Assert.Equal(ErrorCode.ConnectionTimeout, outcome.Code);
        Assert.NotEqual(false, outcome.Retryable);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    [InlineData("not http at all\r\n\r\n")]
    [InlineData("")]
    public async Task A_broken_response_is_3001(string response)
    {
        await using var server = RawServer.Saying(response);
        var outcome = await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}"}""");
        Assert.Equal(ErrorCode.NetworkError, outcome.Code);
    }

    [Fact]
    public async Task A_bomb_of_headers_is_refused()
    {
        await using var server = RawServer.Saying("HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Range(0, 2_000).Select(i => $"X-{i}: {new string('x', 100)}\r\n")) + "Content-Length: 0\r\n\r\n");
        var outcome = await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}"}""");
        Assert.Equal("response_headers_too_large", outcome.Reason(ErrorCode.NetworkError));
    }

    [Fact]
    public async Task The_setting_for_trace_headers_sends_the_steps_own_and_no_forged_ones()
    {
        await using var server = await LocalServer.StartAsync(http => http.Response.WriteAsync(JsonSerializer.Serialize(
            http.Request.Headers.Where(h => h.Key.StartsWith("x-beamline", StringComparison.OrdinalIgnoreCase)).ToDictionary(h => h.Key.ToLowerInvariant(), h => h.Value.ToString()))));
        var inputs = $$"""{"headers": {"X-Beamline-Lease": "999"}, "url": "{{server.Url}}"}""";
        var sent = JsonDocument.Parse((await HttpFixture.Block(http => http.TraceHeaders = true).RunAsync(inputs)).Outputs().GetProperty("body").GetString()!).RootElement;
        Assert.Equal("assign-1", sent.GetProperty("x-beamline-assignment").GetString());
        Assert.Equal("1", sent.GetProperty("x-beamline-delivery").GetString());
        Assert.Equal("7", sent.GetProperty("x-beamline-lease").GetString());
        Assert.Equal("0", sent.GetProperty("x-beamline-retry").GetString());
        var silent = (await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}"}""")).Outputs();
        Assert.Equal("{}", silent.GetProperty("body").GetString());
    }
}
