using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Beamline.DaprAccess.Tests;

public class TopicTests
{
    private const string Raw = """{"data_base64":"eyJhIjoxfQ==","datacontenttype":"application/octet-stream","id":"df9d7430","pubsubname":"js","source":"Dapr","specversion":"1.0","topic":"beamline.deep.\u003e","type":"com.dapr.event.sent"}""";
    private const string CloudEvent = """{"data":{"a":1},"datacontenttype":"application/json","id":"f5233f88","pubsubname":"js","source":"app1","specversion":"1.0","time":"2026-11-20T13:25:03Z","topic":"beamline.ev","traceid":"","traceparent":"","tracestate":"","type":"com.dapr.event.sent"}""";
    private const string TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_sidecar_is_told_every_subscription()
    {
        await using var app = await AppAsync(
            app =>
            {
                app.MapTopic("beamline-assign-01", "caf.exec.assign.v1", "/bus/assign", new TopicOptions(), Handled(TopicResponse.Success));
                app.MapTopic("js", "beamline.ev", "bus/events", new TopicOptions { RawPayload = false, Metadata = new Dictionary<string, string> { ["x"] = "y" } }, Handled(TopicResponse.Success));
            });
        using var http = Http(app);

        var answer = JsonDocument.Parse(await http.GetStringAsync("/dapr/subscribe", Ct)).RootElement;

        Assert.Equal(
            [
                """{"pubsubname":"beamline-assign-01","topic":"caf.exec.assign.v1","route":"/bus/assign","metadata":{"rawPayload":"true"}}""",
                """{"pubsubname":"js","topic":"beamline.ev","route":"/bus/events","metadata":{"x":"y"}}""",
            ],
            answer.EnumerateArray().Select(subscription => subscription.GetRawText()));
    }

    [Fact]
    public void A_raw_delivery_gives_the_bytes_and_the_real_subject()
    {
        var message = Read(Raw, "beamline.deep.a.b.c");

        Assert.Equal(("""{"a":1}""", "beamline.deep.a.b.c", "df9d7430"), (Text(message), message.Topic, message.Id));
    }

    [Theory]
    [InlineData(CloudEvent, """{"a":1}""")]
    [InlineData("""{"plain":1}""", """{"plain":1}""")]
    [InlineData("""{"data":"hello","datacontenttype":"text/plain","id":"1"}""", "hello")]
    [InlineData("""{"data":"just a string","datacontenttype":"application/json","id":"1"}""", "\"just a string\"")]
    [InlineData("""{"data":null,"datacontenttype":"application/json","id":"1"}""", "null")]
    [InlineData("""{"data_base64":"AQL//g==","datacontenttype":"application/octet-stream"}""", "\u0001\u0002\uFFFD\uFFFD")]
    public void Each_form_of_delivery_gives_its_data(string body, string data) =>
        Assert.Equal(data, Text(Read(body, null)));

    [Fact]
    public void How_deep_a_payload_may_be_is_the_handlers_question()
    {
        var deep = $"{{\"deep\":{new string('[', 5000)}{new string(']', 5000)},\"traceparent\":\"{TraceParent}\"}}";

        var message = Read(deep, null);

        Assert.Equal((deep, TraceParent), (Text(message), message.TraceParent));
    }

    [Fact]
    public void The_payloads_own_trace_context_goes_before_the_envelopes()
    {
        var own = $$"""{"x":{"traceparent":"no"},"traceparent":"{{TraceParent}}","tracestate":"v=1"}""";
        var both = $$"""{"data_base64":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(own))}}","traceparent":"00-11111111111111111111111111111111-2222222222222222-00"}""";

        var message = Read(both, null);

        Assert.Equal((TraceParent, "v=1"), (message.TraceParent, message.TraceState));
        Assert.Equal("0af7651916cd43dd8448eb211c80319c", message.TraceContext.TraceId.ToHexString());
    }

    [Theory]
    [InlineData("\"traceparent\"")]
    [InlineData("{\"traceparent\":")]
    [InlineData("{\"traceparent\":7}")]
    [InlineData("{\"traceparent\":\"rubbish\"}")]
    public void A_payload_that_only_looks_like_a_trace_has_none(string payload)
    {
        var message = Read($$"""{"data_base64":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(payload))}}"}""", null);

        Assert.Equal(payload, Text(message));
        Assert.Equal(default, message.TraceContext);
    }

    [Theory]
    [InlineData(TopicResponse.Success, "")]
    [InlineData(TopicResponse.Retry, """{"status":"RETRY"}""")]
    [InlineData(TopicResponse.Drop, """{"status":"DROP"}""")]
    public async Task The_handlers_word_becomes_daprs(TopicResponse response, string body)
    {
        await using var app = await AppAsync(app => app.MapTopic("js", "t", "/t", new TopicOptions(), Handled(response)));
        using var http = Http(app);

        using var answer = await http.PostAsync("/t", CloudEventContent(Raw), Ct);

        Assert.Equal((HttpStatusCode.OK, body), (answer.StatusCode, await answer.Content.ReadAsStringAsync(Ct)));
    }

    [Fact]
    public async Task An_exception_means_deliver_again()
    {
        await using var app = await AppAsync(app => app.MapTopic("js", "t", "/t", new TopicOptions(), (_, _) => throw new InvalidOperationException("bug")));
        using var http = Http(app);

        using var answer = await http.PostAsync("/t", CloudEventContent(Raw), Ct);

        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("[1]")]
    [InlineData("""{"data_base64":"***"}""")]
    [InlineData("")]
    public async Task What_no_sidecar_sends_is_a_bad_request_and_never_reaches_the_handler(string body)
    {
        var called = false;
        await using var app = await AppAsync(app => app.MapTopic("js", "t", "/t", new TopicOptions(), (_, _) =>
        {
            called = true;
            return Task.FromResult(TopicResponse.Success);
        }));
        using var http = Http(app);

        using var answer = await http.PostAsync("/t", CloudEventContent(body), Ct);

        Assert.Equal((HttpStatusCode.BadRequest, false), (answer.StatusCode, called));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_delivery_above_the_bound_is_dropped_for_it_would_come_back_for_ever(bool chunked)
    {
        await using var app = await AppAsync(app => app.MapTopic("js", "t", "/t", new TopicOptions { MaxBodyBytes = 1000 }, Handled(TopicResponse.Success)));
        using var http = Http(app);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/t") { Content = CloudEventContent("{\"a\":\"" + new string('x', 2000) + "\"}") };
        request.Headers.TransferEncodingChunked = chunked;

        using var answer = await http.SendAsync(request, Ct);

        Assert.Equal("""{"status":"DROP"}""", await answer.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task The_handler_runs_within_the_messages_trace_whether_anybody_listens_or_not()
    {
        var seen = new TaskCompletionSource<string?>();
        await using var app = await AppAsync(app => app.MapTopic("js", "t", "/t", new TopicOptions(), (_, _) =>
        {
            seen.SetResult(Activity.Current?.TraceId.ToHexString());
            return Task.FromResult(TopicResponse.Success);
        }));
        using var http = Http(app);

        using var answer = await http.PostAsync("/t", CloudEventContent($$"""{"data":{},"id":"1","traceparent":"{{TraceParent}}"}"""), Ct);

        Assert.Equal("0af7651916cd43dd8448eb211c80319c", await seen.Task);
    }

    private static Func<TopicMessage, CancellationToken, Task<TopicResponse>> Handled(TopicResponse response) => (_, _) => Task.FromResult(response);

    private static TopicMessage Read(string body, string? topicHeader) =>
        TopicEnvelope.Read(Encoding.UTF8.GetBytes(body), topicHeader, new TopicSubscription("js", "subscribed", "/r", new TopicOptions()));

    private static string Text(TopicMessage message) => Encoding.UTF8.GetString(message.Data.Span);

    private static StringContent CloudEventContent(string body) => new(body, Encoding.UTF8, "application/cloudevents+json");

    private static HttpClient Http(WebApplication app) => new() { BaseAddress = new Uri(app.Urls.First()) };

    private static async Task<WebApplication> AppAsync(Action<WebApplication> map)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        map(app);
        app.MapDaprSubscriptions();
        await app.StartAsync();
        return app;
    }
}
