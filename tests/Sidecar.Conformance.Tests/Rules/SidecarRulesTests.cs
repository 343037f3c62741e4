using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Replay;

namespace Beamline.Sidecar.Conformance.Tests.Rules;

/// <summary>Secrets, metadata, health, tokens.</summary>
public sealed class SidecarRulesTests(Shops shops) : IClassFixture<Shops>
{
    public static TheoryData<Transport> Transports => Shops.Transports;

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Nested_secrets_have_joined_names(Transport transport)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        Assert.Equal("""{"api.keys.eu":"k-eu"}""", (await orders.GetAsync("/v1.0/secrets/vault/api.keys.eu")).Text.Trim());
        Assert.Equal("""{"plain":"p w d"}""", (await orders.GetAsync("/v1.0/secrets/vault/plain")).Text.Trim());
        Assert.Equal(
            """{"api.keys.eu":{"api.keys.eu":"k-eu"},"api.keys.us":{"api.keys.us":"k-us"},"plain":{"plain":"p w d"}}""",
            (await orders.GetAsync("/v1.0/secrets/vault/bulk")).Text.Trim());
        Assert.Equal((500, "ERR_SECRET_GET"), Error(await orders.GetAsync("/v1.0/secrets/vault/api.keys")));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Secrets_of_the_environment_go_by_their_name_without_the_prefix(Transport transport)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        Assert.Equal("pä$$ word", (string?)Json.Parse((await orders.GetAsync("/v1.0/secrets/env/DB_PASSWORD")).Text)!["DB_PASSWORD"]);
        Assert.Equal("", (string?)Json.Parse((await orders.GetAsync("/v1.0/secrets/env/PATH")).Text)!["PATH"]);
        Assert.Equal(["DB_PASSWORD", "EMPTYISH"], Json.Parse((await orders.GetAsync("/v1.0/secrets/env/bulk")).Text)!.AsObject().Select(item => item.Key).Order());
        Assert.Equal((401, "ERR_SECRET_STORE_NOT_FOUND"), Error(await orders.GetAsync("/v1.0/secrets/safe/x")));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Metadata_tells_the_app_its_components_and_what_was_put(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        Assert.Equal(204, (await shop.BillingSidecar.SendAsync("PUT", "/v1.0/metadata/region", [("content-type", "text/plain")], "nörd"u8.ToArray(), TestContext.Current.CancellationToken)).Status);
        var metadata = Json.Parse((await shop.BillingSidecar.GetAsync("/v1.0/metadata")).Text)!;

        Assert.Equal(("billing", "nörd"), ((string?)metadata["id"], (string?)metadata["extended"]!["region"]));
        Assert.Equal(
            ["answers", "env", "events", "lane-a", "lane-b", "narrow", "scratch", "store", "vault"],
            metadata["components"]!.AsArray().Select(item => (string)item!["name"]!).Order(StringComparer.Ordinal));
        Assert.Equal("shop.placed", (string?)Assert.Single(metadata["subscriptions"]!.AsArray())!["topic"]);
        Assert.Null(Json.Parse((await shop.OrdersSidecar.GetAsync("/v1.0/metadata")).Text)!["extended"]!["region"]);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Health_is_asked_for_by_app_id(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        Assert.Equal(204, (await shop.BillingSidecar.GetAsync("/v1.0/healthz?appid=billing")).Status);
        Assert.Equal((500, "ERR_HEALTH_APPID_NOT_MATCH"), Error(await shop.BillingSidecar.GetAsync("/v1.0/healthz?appid=orders")));
        Assert.Equal(204, (await shop.BillingSidecar.GetAsync("/v1.0/healthz/outbound")).Status);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Only_health_is_open_to_who_has_no_token(Transport transport)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var host = await ReplayHost.StartAsync(transport, new HostSettings { Documents = [], ApiToken = "long-tok/en==" }, cancellation);
        var client = await host.AddAsync(new HostedApp("guarded"), cancellation);

        foreach (var path in new[] { "/v1.0/metadata", "/v1.0/state/s/k", "/v1.0/invoke/guarded/method/x", "/anything" })
        {
            Assert.Equal(401, (await client.GetAsync(path)).Status);
            Assert.Equal(401, (await client.GetAsync(path, ("dapr-api-token", "long-tok/en="))).Status);
            Assert.NotEqual(401, (await client.GetAsync(path, ("dapr-api-token", "long-tok/en=="))).Status);
        }

        Assert.Equal(204, (await client.GetAsync("/v1.0/healthz")).Status);
    }

    private static (int, string?) Error(Answered answered) => (answered.Status, (string?)Json.Parse(answered.Text)?["errorCode"]);
}
