using System.Net;
using System.Text.Json;

namespace Beamline.Sidecar.Tests;

public sealed class PublishTests
{
    private const string Subscriptions = """
        [{"pubsubname":"bus","topic":"beamline.orders","route":"/orders"},
         {"pubsubname":"bus","topic":"beamline.foreign.*","route":"foreign","metadata":{"rawPayload":"true"}}]
        """;

    [Fact]
    public async Task A_json_publish_arrives_as_a_cloud_event_with_sorted_keys()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus]);
        var app = new TestApp { Subscriptions = Subscriptions };
        var sidecar = await test.AddAsync("shop", app);

        var (status, body, _) = await sidecar.Client().CallAsync(HttpMethod.Post, "/v1.0/publish/bus/beamline.orders", """{"z":1,"a":"<é>"}""");

        Assert.Equal((HttpStatusCode.NoContent, ""), (status, body));
        var received = await app.NextAsync();
        Assert.Equal(("POST", "/orders"), (received.Method, received.Path));
        Assert.Equal("application/cloudevents+json", received.Headers["Content-Type"]);
        Assert.Equal("bus", received.Headers["Pubsubname"]);
        Assert.Equal("beamline.orders", received.Headers["Topic"]);
        Assert.StartsWith("""{"data":{"a":"\u003cé\u003e","z":1},"datacontenttype":"application/json","id":""", received.Body, StringComparison.Ordinal);
        Assert.EndsWith(""","topic":"beamline.orders","traceid":"","traceparent":"","tracestate":"","type":"com.dapr.event.sent"}""", received.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_raw_publish_reaches_a_raw_wildcard_subscription_byte_for_byte()
    {
        await using var test = await TestSidecar.StartAsync([TestSidecar.Bus]);
        var app = new TestApp { Subscriptions = Subscriptions };
        var sidecar = await test.AddAsync("shop", app);

        await sidecar.Client().CallAsync(HttpMethod.Post, "/v1.0/publish/bus/beamline.foreign.x?metadata.rawPayload=true", """{ "big": 12345678901234567890 }""");

        var received = await app.NextAsync();
        using var envelope = JsonDocument.Parse(received.Body);
        Assert.Equal("""{ "big": 12345678901234567890 }"""u8.ToArray(), envelope.RootElement.GetProperty("data_base64").GetBytesFromBase64());
        Assert.Equal("beamline.foreign.*", envelope.RootElement.GetProperty("topic").GetString());
        Assert.Equal("beamline.foreign.x", received.Headers["Topic"]);
    }
}
