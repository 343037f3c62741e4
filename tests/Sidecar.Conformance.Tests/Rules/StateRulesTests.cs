using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Replay;

namespace Beamline.Sidecar.Conformance.Tests.Rules;

public sealed class StateRulesTests(Shops shops) : IClassFixture<Shops>
{
    public static MatrixTheoryData<Transport, string> Stores => new([Transport.Sockets, Transport.Memory], ["store", "scratch"]);

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_value_comes_back_as_it_was_saved(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        foreach (var value in new[] { "{\"ü\":\"Größe 😀\"}", "\"\"", "[1,\"zwei\",null]", "true", "-12.5", "{}" })
        {
            Assert.Equal(204, (await SaveAsync(orders, store, $$"""[{"key":"schlüssel","value":{{value}}}]""")).Status);
            var read = await orders.GetAsync($"/v1.0/state/{store}/schl%C3%BCssel");
            Assert.Equal((200, value, "application/json"), (read.Status, read.Text, read.Header("Content-Type")));
        }
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Each_save_gives_a_new_etag_and_only_the_newest_one_may_write(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        await SaveAsync(orders, store, """[{"key":"cart-9","value":"one"}]""");
        var first = (await orders.GetAsync($"/v1.0/state/{store}/cart-9")).Header("Etag");
        Assert.Equal(204, (await SaveAsync(orders, store, $$"""[{"key":"cart-9","value":"two","etag":"{{first}}"}]""")).Status);
        var stale = await SaveAsync(orders, store, $$"""[{"key":"cart-9","value":"three","etag":"{{first}}"}]""");
        var read = await orders.GetAsync($"/v1.0/state/{store}/cart-9");

        Assert.Equal((409, "ERR_STATE_SAVE"), (stale.Status, ErrorCode(stale)));
        Assert.Equal("\"two\"", read.Text);
        Assert.NotEqual(first, read.Header("Etag"));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task The_first_of_two_creators_wins(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        var racers = await Task.WhenAll(Enumerable.Range(0, 8).Select(racer => SaveAsync(
            orders, store, $$$"""[{"key":"race","value":{{{racer}}},"options":{"concurrency":"first-write"}}]""")));

        var winner = Assert.Single(Enumerable.Range(0, 8), racer => racers[racer].Status == 204);
        Assert.Equal(7, racers.Count(racer => racer.Status == 409 && ErrorCode(racer) == "ERR_STATE_SAVE"));
        Assert.Equal($"{winner}", (await orders.GetAsync($"/v1.0/state/{store}/race")).Text);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Without_an_etag_the_last_save_wins(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        await SaveAsync(orders, store, """[{"key":"last","value":1},{"key":"last-other","value":5}]""");
        Assert.Equal(204, (await SaveAsync(orders, store, """[{"key":"last","value":2}]""")).Status);
        Assert.Equal("2", (await orders.GetAsync($"/v1.0/state/{store}/last")).Text);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_value_with_a_time_to_live_goes_when_it_is_over_and_not_before(Transport transport, string store)
    {
        var shop = await shops.GetAsync(transport);
        var orders = shop.OrdersSidecar;
        await SaveAsync(orders, store, """[{"key":"offer","value":"20%","metadata":{"ttlInSeconds":"45"}},{"key":"offer-kept","value":1}]""");
        await shop.PassAsync(TimeSpan.FromSeconds(44));
        var alive = await orders.GetAsync($"/v1.0/state/{store}/offer");
        await shop.PassAsync(TimeSpan.FromSeconds(2));
        var gone = await orders.GetAsync($"/v1.0/state/{store}/offer");
        var bulk = await orders.PostJsonAsync($"/v1.0/state/{store}/bulk", """{"keys":["offer"]}""");

        Assert.Equal((200, "\"20%\""), (alive.Status, alive.Text));
        Assert.NotNull(alive.Header("Metadata.ttlexpiretime"));
        Assert.Equal((204, ""), (gone.Status, gone.Text));
        Assert.Equal("""[{"key":"offer"}]""", bulk.Text.Trim());
        Assert.Equal(200, (await orders.GetAsync($"/v1.0/state/{store}/offer-kept")).Status);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task An_expired_value_does_not_stand_in_the_way_of_a_first_write(Transport transport, string store)
    {
        var shop = await shops.GetAsync(transport);
        await SaveAsync(shop.OrdersSidecar, store, """[{"key":"lock","value":"a","metadata":{"ttlInSeconds":"3"}}]""");
        await shop.PassAsync(TimeSpan.FromSeconds(5));

        Assert.Equal(204, (await SaveAsync(shop.OrdersSidecar, store, """[{"key":"lock","value":"b","options":{"concurrency":"first-write"}}]""")).Status);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_transaction_does_everything_or_nothing(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        await SaveAsync(orders, store, """[{"key":"stock","value":7},{"key":"hold","value":"x"}]""");
        var etag = (await orders.GetAsync($"/v1.0/state/{store}/stock")).Header("Etag");
        var refused = await TransactAsync(orders, store, """{"operation":"delete","request":{"key":"hold"}},{"operation":"upsert","request":{"key":"stock","value":6,"etag":"7c2e4a1e-0000-4000-8000-3d1b2d0c9f11","options":{"concurrency":"first-write"}}}""");
        var holdAfterRefusal = await orders.GetAsync($"/v1.0/state/{store}/hold");
        var done = await TransactAsync(orders, store, $$$$"""{"operation":"delete","request":{"key":"hold"}},{"operation":"upsert","request":{"key":"stock","value":6,"etag":"{{{{etag}}}}","options":{"concurrency":"first-write"}}}""");

        Assert.Equal((500, "ERR_STATE_TRANSACTION"), (refused.Status, ErrorCode(refused)));
        Assert.Equal("\"x\"", holdAfterRefusal.Text);
        Assert.Equal(204, done.Status);
        Assert.Equal(("6", 204), ((await orders.GetAsync($"/v1.0/state/{store}/stock")).Text, (await orders.GetAsync($"/v1.0/state/{store}/hold")).Status));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_bulk_get_answers_for_every_key(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        var keys = Enumerable.Range(0, 60).Select(i => $"row-{i}").ToList();
        await SaveAsync(orders, store, $"[{string.Join(",", keys.Where((_, i) => i % 2 == 0).Select(key => $$"""{"key":"{{key}}","value":"{{key}}!"}"""))}]");
        var bulk = await orders.PostJsonAsync($"/v1.0/state/{store}/bulk", $$"""{"keys":[{{string.Join(",", keys.Select(key => $"\"{key}\""))}}],"parallelism":4}""");

        var items = Json.Parse(bulk.Text)!.AsArray().ToDictionary(item => (string)item!["key"]!, item => item!.AsObject());
        Assert.Equal(keys.Order(StringComparer.Ordinal), items.Keys.Order(StringComparer.Ordinal));
        Assert.All(keys, (key, i) => Assert.Equal(i % 2 == 0 ? $"{key}!" : null, (string?)items[key]["data"]));
        Assert.All(keys, (key, i) => Assert.Equal(i % 2 == 0, items[key].ContainsKey("etag")));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_delete_with_the_right_etag_deletes_and_with_another_it_does_not(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        await SaveAsync(orders, store, """[{"key":"gone-soon","value":1}]""");
        var etag = (await orders.GetAsync($"/v1.0/state/{store}/gone-soon")).Header("Etag")!;
        var refused = await orders.DeleteAsync($"/v1.0/state/{store}/gone-soon", ("If-Match", "00000000-1111-4222-8333-444444444444"));
        Assert.Equal((409, "ERR_STATE_DELETE"), (refused.Status, ErrorCode(refused)));
        Assert.Equal(200, (await orders.GetAsync($"/v1.0/state/{store}/gone-soon")).Status);
        Assert.Equal(204, (await orders.DeleteAsync($"/v1.0/state/{store}/gone-soon", ("If-Match", etag))).Status);
        Assert.Equal(204, (await orders.GetAsync($"/v1.0/state/{store}/gone-soon")).Status);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Two_apps_do_not_see_each_others_keys(Transport transport, string store)
    {
        var shop = await shops.GetAsync(transport);
        await SaveAsync(shop.OrdersSidecar, store, """[{"key":"mine","value":"orders"}]""");
        Assert.Equal(204, (await shop.BillingSidecar.GetAsync($"/v1.0/state/{store}/mine")).Status);
        await SaveAsync(shop.BillingSidecar, store, """[{"key":"mine","value":"billing"}]""");
        Assert.Equal("\"orders\"", (await shop.OrdersSidecar.GetAsync($"/v1.0/state/{store}/mine")).Text);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Odd_keys_are_kept_apart(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        var keys = new[] { "a b", "a+b", "a%b", "a%20b", "ä|b", "x/y/z", "'; DROP TABLE state; --", "q?r#s" };
        await SaveAsync(orders, store, $"[{string.Join(",", keys.Select((key, i) => $$"""{"key":"{{key}}","value":{{i}}}"""))}]");
        for (var i = 0; i < keys.Length; i++)
        {
            Assert.Equal($"{i}", (await orders.GetAsync($"/v1.0/state/{store}/{Uri.EscapeDataString(keys[i])}")).Text);
        }
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_cannot_be_saved_is_refused_with_its_code(Transport transport, string store)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        Assert.Equal((400, "ERR_MALFORMED_REQUEST"), Error(await SaveAsync(orders, store, """[{"key":"flow||step","value":1}]""")));
        Assert.Equal((400, "ERR_MALFORMED_REQUEST"), Error(await SaveAsync(orders, store, "no json")));
        Assert.Equal((400, "ERR_MALFORMED_REQUEST"), Error(await SaveAsync(orders, store, "\"text\"")));
        Assert.Equal((500, "ERR_STATE_SAVE"), Error(await SaveAsync(orders, store, """[{"key":"k","value":1,"metadata":{"ttlInSeconds":"soon"}}]""")));
        Assert.Equal((400, "ERR_STATE_STORE_NOT_FOUND"), Error(await SaveAsync(orders, "shelf", """[{"key":"k","value":1}]""")));
        Assert.Equal((400, "ERR_NOT_SUPPORTED_STATE_OPERATION"), Error(await TransactAsync(orders, store, """{"operation":"increment","request":{"key":"k"}}""")));
    }

    private static Task<Answered> SaveAsync(SidecarClient client, string store, string items) => client.PostJsonAsync($"/v1.0/state/{store}", items);

    private static Task<Answered> TransactAsync(SidecarClient client, string store, string operations) =>
        client.PostJsonAsync($"/v1.0/state/{store}/transaction", $$"""{"operations":[{{operations}}]}""");

    private static (int, string?) Error(Answered answered) => (answered.Status, ErrorCode(answered));

    private static string? ErrorCode(Answered answered) => (string?)Json.Parse(answered.Text)?["errorCode"];
}
