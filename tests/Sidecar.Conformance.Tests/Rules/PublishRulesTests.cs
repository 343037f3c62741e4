using System.Text;
using System.Text.Json.Nodes;
using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Replay;

namespace Beamline.Sidecar.Conformance.Tests.Rules;

public sealed class PublishRulesTests(Shops shops) : IClassFixture<Shops>
{
    public static TheoryData<Transport> Transports => Shops.Transports;

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Json_travels_as_json_with_sorted_keys(Transport transport)
    {
        var delivered = await PublishAsync(transport, "placed", "application/json", """{"z":1.5,"a":{"y":"<b>&","ä":[]},"m":null}""");

        Assert.Contains("""
            "data":{"a":{"y":"\u003cb\u003e\u0026","ä":[]},"m":null,"z":1.5},"datacontenttype":"application/json","id":
            """, delivered.Text, StringComparison.Ordinal);
        Assert.Equal(("application/cloudevents+json", "events", "shop.placed"), (delivered.Header("Content-Type"), delivered.Header("Pubsubname"), delivered.Header("Topic")));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Other_text_travels_as_a_string(Transport transport)
    {
        var csv = Event(await PublishAsync(transport, "placed", "text/csv", "a;b\n1;\"ü\"\n"));
        Assert.Equal(("a;b\n1;\"ü\"\n", "text/csv", "orders"), ((string?)csv["data"], (string?)csv["datacontenttype"], (string?)csv["source"]));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Bytes_travel_as_base64(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        await shop.OrdersSidecar.PostAsync("/v1.0/publish/events/shop.placed?metadata.cloudevent.id=bytes-1", "application/octet-stream", [0xDE, 0xAD, 0x00, 0xBE, 0xEF]);
        var delivered = Event((await Shop.ReceivedAsync(shop.Orders, 1, request => request.Text.Contains("\"bytes-1\"", StringComparison.Ordinal)))[0]);
        Assert.Equal(("3q0Avu8=", "application/octet-stream"), ((string?)delivered["data_base64"], (string?)delivered["datacontenttype"]));
        Assert.False(delivered.ContainsKey("data"));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_cloud_event_keeps_its_own_attributes_but_not_its_way(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        const string Sent = """{"specversion":"1.0","id":"evt/ä-77","source":"//till/3","type":"shop.sale","subject":"s-1","tillno":"3","datacontenttype":"application/json","data":{"sum":"9,90 €"},"topic":"elsewhere","pubsubname":"other"}""";
        Assert.Equal(204, (await shop.OrdersSidecar.PostAsync("/v1.0/publish/events/shop.region.north", "application/cloudevents+json", Sent)).Status);
        var delivered = Event((await Shop.ReceivedAsync(shop.Orders, 1, request => request.Text.Contains("evt/ä-77", StringComparison.Ordinal)))[0]);

        Assert.Equal(
            ("//till/3", "shop.sale", "s-1", "3", "9,90 €"),
            ((string?)delivered["source"], (string?)delivered["type"], (string?)delivered["subject"], (string?)delivered["tillno"], (string?)delivered["data"]!["sum"]));
        Assert.Equal(("shop.region.north", "events"), ((string?)delivered["topic"], (string?)delivered["pubsubname"]));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task The_query_may_set_attributes_of_the_event(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        await shop.OrdersSidecar.PostJsonAsync("/v1.0/publish/events/shop.placed?metadata.cloudevent.id=over-1&metadata.cloudevent.type=a.b&metadata.cloudevent.source=till%207", "3");
        var delivered = Event((await Shop.ReceivedAsync(shop.Orders, 1, request => request.Text.Contains("\"over-1\"", StringComparison.Ordinal)))[0]);
        Assert.Equal(("over-1", "a.b", "till 7", 3), ((string?)delivered["id"], (string?)delivered["type"], (string?)delivered["source"], (int?)delivered["data"]));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task The_same_id_is_delivered_once_within_two_minutes_and_again_after_them(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        for (var copy = 1; copy <= 3; copy++)
        {
            Assert.Equal(204, (await shop.OrdersSidecar.PostJsonAsync("/v1.0/publish/events/shop.bytes?metadata.rawPayload=true", $$"""{"copy":{{copy}},"id":"twice-{{transport}}"}""")).Status);
        }

        await shop.SettleAsync("shop.bytes");
        Assert.Equal(["""{"copy":1,"id":"twice-""" + transport + "\"}"], Copies());
        await shop.PassAsync(TimeSpan.FromSeconds(121));
        await shop.OrdersSidecar.PostJsonAsync("/v1.0/publish/events/shop.bytes?metadata.rawPayload=true", $$"""{"copy":4,"id":"twice-{{transport}}"}""");
        await shop.SettleAsync("shop.bytes");
        Assert.Equal(2, Copies().Count);

        IReadOnlyList<string> Copies() =>
            [.. shop.Orders.Received.Where(request => request.Target == "/by/tes").Select(Shop.Readable).Where(text => text.Contains("twice-", StringComparison.Ordinal))];
    }

    [Theory]
    [InlineData(Transport.Sockets, 0)]
    [InlineData(Transport.Memory, 0)]
    [InlineData(Transport.Sockets, 1)]
    [InlineData(Transport.Memory, 1)]
    [InlineData(Transport.Sockets, 250_001)]
    [InlineData(Transport.Memory, 250_001)]
    public async Task A_raw_message_arrives_byte_for_byte(Transport transport, int size)
    {
        var shop = await shops.GetAsync(transport);
        var body = new byte[size];
        new Random(size).NextBytes(body);
        Assert.Equal(204, (await shop.OrdersSidecar.PostAsync("/v1.0/publish/events/shop.bytes?metadata.rawPayload=true", "image/png", body)).Status);
        var delivered = await Shop.ReceivedAsync(shop.Orders, 1, request => request.Target == "/by/tes" && Shop.RawBytes(request).AsSpan().SequenceEqual(body));
        Assert.Equal("Dapr", (string?)Event(delivered[0])["source"]);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_bulk_of_raw_bytes_arrives_whole_and_exact(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        var bodies = Enumerable.Range(0, 100).Select(i => $$"""{ "n" : {{i}} , "big":9007199254740993, "t":"{{transport}}" }""").ToList();
        var entries = bodies.Select((body, i) => $$"""{"entryId":"e{{i}}","event":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(body))}}","contentType":"application/octet-stream"}""");
        var answer = await shop.OrdersSidecar.PostJsonAsync("/v1.0/publish/bulk/events/shop.tree.leaf.x?metadata.rawPayload=true", $"[{string.Join(",", entries)}]");
        var delivered = await Shop.ReceivedAsync(shop.Orders, 100, request => Shop.Readable(request).Contains("9007199254740993", StringComparison.Ordinal));

        Assert.Equal(204, answer.Status);
        Assert.Equal(bodies.Order(StringComparer.Ordinal), delivered.Select(Shop.Readable).Order(StringComparer.Ordinal));
        Assert.All(delivered, request => Assert.Equal(("shop.tree.leaf.x", "shop.tree.>"), (request.Header("Topic"), (string?)Event(request)["topic"])));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_json_entry_of_a_bulk_is_written_anew(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        await shop.OrdersSidecar.PostJsonAsync(
            "/v1.0/publish/bulk/events/shop.tree.rewritten?metadata.rawPayload=true",
            """[{"entryId":"only","event":{"z":9007199254740993, "rewritten":"<a>"},"contentType":"application/json"}]""");
        var delivered = await Shop.ReceivedAsync(shop.Orders, 1, request => request.Header("Topic") == "shop.tree.rewritten");
        Assert.Equal("""{"rewritten":"\u003ca\u003e","z":9007199254740992}""", Shop.Readable(delivered[0]));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Everyone_without_a_durable_name_gets_a_copy(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        await shop.BillingSidecar.PostJsonAsync("/v1.0/publish/events/shop.placed?metadata.cloudevent.id=for-all", "{}");
        var orders = await Shop.ReceivedAsync(shop.Orders, 1, request => request.Text.Contains("\"for-all\"", StringComparison.Ordinal));
        var billing = await Shop.ReceivedAsync(shop.Billing, 1, request => request.Text.Contains("\"for-all\"", StringComparison.Ordinal));
        Assert.Equal(("/placed", "/bill-placed"), (orders[0].Target, billing[0].Target));
        Assert.Equal(orders[0].Text, billing[0].Text);
        Assert.Equal("billing", (string?)Event(orders[0])["source"]);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_star_stands_for_one_token_and_an_angle_for_all_that_follow(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        foreach (var topic in new[] { "shop.region.east", "shop.region.east.2", "shop.region", "shop.tree.a", "shop.tree.a.b.c", "shop.tree" })
        {
            Assert.Equal(204, (await shop.OrdersSidecar.PostJsonAsync($"/v1.0/publish/events/{topic}?metadata.cloudevent.id=wild-{topic}", "1")).Status);
        }

        await shop.SettleAsync("shop.region.fence");
        await shop.SettleAsync("shop.tree.fence");
        var topics = shop.Orders.Received.Where(request => Shop.Readable(request).Contains("\"wild-shop", StringComparison.Ordinal)).Select(request => $"{request.Target} {request.Header("Topic")}");
        Assert.Equal(["/region shop.region.east", "/tree shop.tree.a", "/tree shop.tree.a.b.c"], topics.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task What_cannot_be_published_is_refused_with_its_code(Transport transport)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        Assert.Equal((403, "ERR_PUBSUB_FORBIDDEN"), Error(await orders.PostJsonAsync("/v1.0/publish/narrow/shop.secret", "1")));
        Assert.Equal(204, (await orders.PostJsonAsync("/v1.0/publish/narrow/shop.paid", "1")).Status);
        Assert.Equal((404, "ERR_PUBSUB_NOT_FOUND"), Error(await orders.PostJsonAsync("/v1.0/publish/nats/shop.paid", "1")));
        Assert.Equal((500, "ERR_PUBSUB_PUBLISH_MESSAGE"), Error(await orders.PostJsonAsync("/v1.0/publish/events/store.paid", "1")));
        Assert.Equal((500, "ERR_PUBSUB_PUBLISH_MESSAGE"), Error(await orders.PostJsonAsync("/v1.0/publish/events/audit.a.b", "1")));
        Assert.Equal((500, "ERR_PUBSUB_PUBLISH_MESSAGE"), Error(await orders.PostJsonAsync("/v1.0/publish/events/shop.placed", $"\"{new string('y', 1 << 20)}\"")));
        Assert.Equal((500, "ERR_PUBSUB_CLOUD_EVENTS_SER"), Error(await orders.PostAsync("/v1.0/publish/events/shop.placed", "application/cloudevents+json", "{")));
        Assert.Equal((400, "ERR_PUBSUB_REQUEST_METADATA"), Error(await orders.PostJsonAsync("/v1.0/publish/events/shop.placed?metadata.rawPayload=ja", "1")));
        Assert.Equal((400, "ERR_PUBSUB_EVENTS_SER"), Error(await orders.PostJsonAsync("/v1.0/publish/bulk/events/shop.placed", """[{"entryId":"x","event":1,"contentType":"application/json"},{"entryId":"x","event":2,"contentType":"application/json"}]""")));
        Assert.Equal((400, "ERR_PUBSUB_EVENTS_SER"), Error(await orders.PostJsonAsync("/v1.0/publish/bulk/events/shop.placed", "17")));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_bulk_names_the_entries_that_failed_and_stores_the_others(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        var big = new string('b', (1 << 20) + 1);
        var answer = await shop.OrdersSidecar.PostJsonAsync(
            "/v1.0/publish/bulk/events/shop.placed",
            $$"""[{"entryId":"small","event":"partly","contentType":"text/plain"},{"entryId":"huge","event":"{{big}}","contentType":"text/plain"}]""");
        await Shop.ReceivedAsync(shop.Orders, 1, request => request.Text.Contains("\"partly\"", StringComparison.Ordinal));

        Assert.Equal((500, "ERR_PUBSUB_PUBLISH_MESSAGE"), Error(answer));
        Assert.Equal("huge", (string?)Assert.Single(Json.Parse(answer.Text)!["failedEntries"]!.AsArray())!["entryId"]);
    }

    private async Task<ReceivedRequest> PublishAsync(Transport transport, string topic, string contentType, string body)
    {
        var shop = await shops.GetAsync(transport);
        var id = $"rule-{Guid.NewGuid():N}";
        Assert.Equal(204, (await shop.OrdersSidecar.PostAsync($"/v1.0/publish/events/shop.{topic}?metadata.cloudevent.id={id}", contentType, body)).Status);
        return (await Shop.ReceivedAsync(shop.Orders, 1, request => request.Text.Contains(id, StringComparison.Ordinal)))[0];
    }

    private static JsonObject Event(ReceivedRequest request) => Json.Parse(request.Text)!.AsObject();

    private static (int, string?) Error(Answered answered) => (answered.Status, (string?)Json.Parse(answered.Text)?["errorCode"]);
}
