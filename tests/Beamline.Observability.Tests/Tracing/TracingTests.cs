using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Beamline.Observability.Tests;

public class TracingTests
{
    private const string TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public void The_contracted_spans_carry_the_contracted_attributes()
    {
        using var spans = new Spans();
        var ids = new SpanIds("tenant-1", "trace-abc", "run-1", "flow-1", "step-1", "http.request", "worker-1");

        BeamlineTracing.StartReceive(ids, TraceParent)?.Dispose();
        BeamlineTracing.StartExecute(ids, TraceParent)?.Dispose();
        BeamlineTracing.StartPublish(ids, TraceParent)?.Dispose();

        var mine = spans.OfTrace("0af7651916cd43dd8448eb211c80319c").Where(span => span.Source.Name == BeamlineTracing.SourceName).ToArray();
        Assert.Equal(["worker.assignment.receive", "worker.block.execute", "worker.result.publish"], mine.Select(span => span.OperationName));
        Assert.All(mine, span =>
        {
            Assert.Equal("b7ad6b7169203331", span.ParentSpanId.ToHexString());
            Assert.Equal(
                "tenant_id=tenant-1 trace_id=trace-abc run_id=run-1 flow_id=flow-1 step_id=step-1 block_type=http.request worker_id=worker-1",
                string.Join(' ', span.TagObjects.Select(tag => $"{tag.Key}={tag.Value}")));
        });
    }

    [Fact]
    public async Task A_trace_crosses_two_services_and_the_servers_spans_are_named()
    {
        using var spans = new Spans();
        await using var callee = await TestService.StartAsync("cpu-executor", map: app => app.MapGet("/inner/{id}", () => Results.Text("x", statusCode: 418)));
        var calleeHttp = callee.Http;
        await using var caller = await TestService.StartAsync("gateway", map: app => app.MapGet("/outer", async () =>
        {
            using var answer = await calleeHttp.GetAsync("/inner/7");
            return (int)answer.StatusCode;
        }));
        const string Trace = "11af7651916cd43dd8448eb211c80319";
        using var request = new HttpRequestMessage(HttpMethod.Get, "/outer");
        request.Headers.Add("traceparent", $"00-{Trace}-b7ad6b7169203331-01");

        using var outer = await caller.Http.SendAsync(request, Ct);
        await caller.DisposeAsync();
        await callee.DisposeAsync();

        var servers = spans.OfTrace(Trace).Where(span => span.Kind == ActivityKind.Server).ToDictionary(span => span.DisplayName);
        Assert.Equal(["GET /inner/{id}", "GET /outer"], servers.Keys.Order(StringComparer.Ordinal));
        var inner = servers["GET /inner/{id}"];
        Assert.Equal((418, "/inner/7", "/inner/{id}"), (inner.GetTagItem("http.response.status_code"), inner.GetTagItem("url.path"), inner.GetTagItem("http.route")));
    }

    [Fact]
    public async Task Spans_and_metrics_reach_a_collector_by_otlp()
    {
        var received = new ConcurrentDictionary<string, byte[]>();
        await using var collector = await TestService.StartAsync("collector", map: app => app.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            received[$"{signal} {request.ContentType}"] = body.ToArray();
        }));
        var service = await TestService.StartAsync("scheduler", args: [$"--otel-exporter-otlp-endpoint={collector.Http.BaseAddress}"]);

        BeamlineTracing.StartReceive(new SpanIds("tenant-otlp"))?.Dispose();
        await service.DisposeAsync();

        Assert.Equal(["metrics application/x-protobuf", "traces application/x-protobuf"], received.Keys.Order(StringComparer.Ordinal));
        var traces = System.Text.Encoding.Latin1.GetString(received["traces application/x-protobuf"]);
        Assert.Contains("worker.assignment.receive", traces);
        Assert.Contains("tenant-otlp", traces);
        Assert.Contains("scheduler", traces);
    }

    private sealed class Spans : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _ended = new();
        private readonly ActivityListener _listener;

        public Spans()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name is BeamlineTracing.SourceName or "Microsoft.AspNetCore" or "System.Net.Http",
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = _ended.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public IEnumerable<Activity> OfTrace(string id) => _ended.Where(span => span.TraceId.ToHexString() == id);

        public void Dispose() => _listener.Dispose();
    }
}
