using System.Buffers;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;

namespace Beamline.Observability.Tests;

public class JsonLogTests
{
    [Fact]
    public void A_line_is_exactly_what_the_contract_fixes()
    {
        var line = Line(logger => logger.LogInformation(
            "Leased {AssignmentId} of {TenantId} to {WorkerId}, attempt {Attempt}, run {RunId}, flow {FlowId}, step {StepId}, trace {TraceId}",
            "assign-1", "tenant-1", "worker-1", 2, "run-1", "flow-1", "step-1", "trace-abc"));

        Assert.Equal(
            """{"timestamp":"2026-11-20T15:04:05.678Z","level":"INFO","component":"scheduler","message":"Leased assign-1 of tenant-1 to worker-1, attempt 2, run run-1, flow flow-1, step step-1, trace """
            + """trace-abc","fields":{"assignment_id":"assign-1","attempt":2,"logger":"Beamline.Scheduler.Leases"},"trace_id":"trace-abc","tenant_id":"tenant-1","run_id":"run-1","flow_id":"flow-1","step_id":"step-1","worker_id":"worker-1"}""",
            line);
    }

    [Theory]
    [InlineData(LogLevel.Trace, "DEBUG")]
    [InlineData(LogLevel.Debug, "DEBUG")]
    [InlineData(LogLevel.Information, "INFO")]
    [InlineData(LogLevel.Warning, "WARN")]
    [InlineData(LogLevel.Error, "ERROR")]
    [InlineData(LogLevel.Critical, "ERROR")]
    public void There_are_four_levels(LogLevel level, string name) =>
        Assert.Equal(name, Parse(logger => logger.Log(level, "x")).GetProperty("level").GetString());

    [Fact]
    public void The_trace_of_the_current_activity_stands_in_where_none_was_given()
    {
        using var activity = new Activity("test").SetIdFormat(ActivityIdFormat.W3C).Start();

        Assert.Equal(activity.TraceId.ToHexString(), Parse(logger => logger.LogInformation("x")).GetProperty("trace_id").GetString());
    }

    [Fact]
    public void An_exception_tells_type_message_and_stack()
    {
        var error = Parse(logger =>
        {
            try
            {
                throw new InvalidOperationException("bad\nthing");
            }
            catch (InvalidOperationException caught)
            {
                logger.LogError(caught, "Failed");
            }
        }).GetProperty("fields").GetProperty("error");

        Assert.Equal("System.InvalidOperationException", error.GetProperty("type").GetString());
        Assert.Equal("bad\nthing", error.GetProperty("message").GetString());
        Assert.Contains(nameof(An_exception_tells_type_message_and_stack), error.GetProperty("stack").GetString());
    }

    [Fact]
    public void Whatever_is_logged_stays_one_line_of_json()
    {
        var line = Line(logger => logger.LogInformation("{Text} {Nan} {Nothing} {List} {Time}", "a\r\nb\"c\u2028é\0", double.NaN, null, new[] { 1, 2 }, TimeSpan.FromSeconds(1)));

        var fields = JsonDocument.Parse(line).RootElement.GetProperty("fields");
        Assert.DoesNotContain('\n', line);
        Assert.Equal("a\r\nb\"c\u2028é\0", fields.GetProperty("text").GetString());
        Assert.Equal(JsonValueKind.Null, fields.GetProperty("nothing").ValueKind);
        Assert.Equal("[1,2]", fields.GetProperty("list").GetRawText());
        Assert.Equal("00:00:01", fields.GetProperty("time").GetString());
    }

    [Fact]
    public void Secrets_are_gone_from_message_fields_and_exceptions()
    {
        var line = Line(logger => logger.LogError(
            new InvalidOperationException("Host=db;Username=u;Password=s3cret1;"),
            "Called with {Header} and {ApiToken} and {Url}", "Authorization: Bearer s3cret2", "s3cret3", "postgres://user:s3cret4@db/x"));

        Assert.DoesNotContain("s3cret", line);
        Assert.Contains("Host=db;Username=u;Password=[redacted];", line);
    }

    [Fact]
    public async Task A_service_writes_its_lines_to_the_end_and_filters_by_level()
    {
        var service = await TestService.StartAsync("gateway", args: ["--log-level", "Warning"]);
        var logger = service.App.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Beamline.Gateway");
        logger.LogInformation("quiet");
        for (var i = 0; i < 1000; i++)
        {
            logger.LogWarning("loud {Number}", i);
        }

        var lines = await service.StopAndReadLogAsync();

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"loud {i}"), lines.Select(line => line.GetProperty("message").GetString()));
        Assert.All(lines, line => Assert.Equal("gateway", line.GetProperty("component").GetString()));
    }

    [Fact]
    public async Task The_console_can_be_muted()
    {
        var service = await TestService.StartAsync(args: ["--Logging:Console=false"]);
        service.App.Services.GetRequiredService<ILoggerFactory>().CreateLogger("x").LogError("x");

        Assert.Empty(await service.StopAndReadLogAsync());
    }

    [Fact]
    public async Task A_blocked_stdout_stops_nobody_and_what_was_dropped_is_counted()
    {
        using var output = new BlockedStream();
        var sink = new JsonLogSink(new JsonLogFormatter("x"), output, new ManualTime());
        var logger = new Serilog.LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();

        logger.Information("first");
        await output.Blocked.WaitAsync(TestContext.Current.CancellationToken);
        for (var i = 0; i < 10_000; i++)
        {
            logger.Information("more");
        }

        output.Release();
        sink.Dispose();

        var lines = Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Single(lines, line => line.Contains("Dropped 1808 log events: stdout was blocked"));
        Assert.Equal(1 + 8192 + 1, lines.Length);
    }

    private static JsonElement Parse(Action<Microsoft.Extensions.Logging.ILogger> log) => JsonDocument.Parse(Line(log)).RootElement;

    private static string Line(Action<Microsoft.Extensions.Logging.ILogger> log)
    {
        var sink = new FormattingSink();
        using var provider = new SerilogLoggerProvider(new Serilog.LoggerConfiguration().MinimumLevel.Verbose().WriteTo.Sink(sink).CreateLogger(), dispose: true);
        log(provider.CreateLogger("Beamline.Scheduler.Leases"));
        return sink.Line!;
    }

    private sealed class FormattingSink : ILogEventSink
    {
        public string? Line { get; private set; }

        public void Emit(LogEvent logEvent)
        {
            var at = new LogEvent(
                new DateTimeOffset(2026, 11, 20, 17, 4, 5, 678, TimeSpan.FromHours(2)), logEvent.Level, logEvent.Exception, logEvent.MessageTemplate,
                logEvent.Properties.Select(property => new LogEventProperty(property.Key, property.Value)), logEvent.TraceId ?? default, logEvent.SpanId ?? default);
            var buffer = new ArrayBufferWriter<byte>();
            new JsonLogFormatter("scheduler").Format(at, buffer);
            Line = Encoding.UTF8.GetString(buffer.WrittenSpan).TrimEnd('\n');
        }
    }

    private sealed class BlockedStream : MemoryStream
    {
        private readonly TaskCompletionSource _blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _released = new();

        public Task Blocked => _blocked.Task;

        public void Release() => _released.Set();

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _blocked.TrySetResult();
            _released.Wait(TimeSpan.FromSeconds(30));
            base.Write(buffer);
        }
    }
}
