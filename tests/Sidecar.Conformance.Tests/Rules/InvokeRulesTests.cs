using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Replay;

namespace Beamline.Sidecar.Conformance.Tests.Rules;

public sealed class InvokeRulesTests(Shops shops) : IClassFixture<Shops>
{
    public static MatrixTheoryData<Transport, string> Methods => new([Transport.Sockets, Transport.Memory], ["GET", "POST", "PUT", "PATCH", "DELETE"]);

    public static MatrixTheoryData<Transport, int> Statuses => new([Transport.Sockets, Transport.Memory], [200, 202, 207, 303, 402, 418, 451, 502, 504]);

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task The_method_path_and_query_reach_the_other_app(Transport transport, string method)
    {
        var shop = await shops.GetAsync(transport);
        var path = $"/invoices/{method}/2026?from=a%26b&to=%C3%BC&to=";
        var answer = await shop.OrdersSidecar.SendAsync(method, "/v1.0/invoke/billing/method" + path, [], null, TestContext.Current.CancellationToken);
        var received = Assert.Single(shop.Billing.Received, request => request.Target == path);

        Assert.Equal((200, method), (answer.Status, received.Method));
        Assert.Equal(("orders", "billing", "default"), (received.Header("Dapr-Caller-App-Id"), received.Header("Dapr-Callee-App-Id"), received.Header("Dapr-Caller-Namespace")));
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task The_answer_of_the_app_passes_unchanged(Transport transport, int status)
    {
        var shop = await shops.GetAsync(transport);
        shop.Answer($"/say/{status}", context =>
        {
            context.Response.Headers["X-Tier"] = "gold";
            return RecordingApp.AnswerAsync(context, status, "text/plain; charset=utf-8", $"ström {status}");
        });
        var answer = await shop.OrdersSidecar.GetAsync($"/v1.0/invoke/billing/method/say/{status}");

        Assert.Equal((status, $"ström {status}", "gold", "text/plain; charset=utf-8"), (answer.Status, answer.Text, answer.Header("X-Tier"), answer.Header("Content-Type")));
        Assert.Single(shop.Billing.Received, request => request.Target == $"/say/{status}");
    }

    [Theory]
    [MemberData(nameof(Shops.Transports), MemberType = typeof(Shops))]
    public async Task A_body_of_many_bytes_passes_both_ways(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        var sent = new byte[700_003];
        var answered = new byte[900_001];
        new Random(5).NextBytes(sent);
        new Random(6).NextBytes(answered);
        shop.Answer("/bytes", context => RecordingApp.AnswerAsync(context, 200, "application/x-thing", answered));
        var answer = await shop.OrdersSidecar.PostAsync("/v1.0/invoke/billing/method/bytes", "application/x-other", sent);
        var received = Assert.Single(shop.Billing.Received, request => request.Target == "/bytes");

        Assert.True(received.Body.AsSpan().SequenceEqual(sent));
        Assert.True(answer.Body.AsSpan().SequenceEqual(answered));
        Assert.Equal(("application/x-other", "application/x-thing"), (received.Header("Content-Type"), answer.Header("Content-Type")));
    }

    [Theory]
    [MemberData(nameof(Shops.Transports), MemberType = typeof(Shops))]
    public async Task Headers_of_the_caller_reach_the_app(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        await shop.OrdersSidecar.GetAsync("/v1.0/invoke/billing/method/with-headers", ("x-request-tag", "t 1"), ("Authorization", "Basic Og=="), ("x-list", "one"), ("x-list", "two"));
        var received = Assert.Single(shop.Billing.Received, request => request.Target == "/with-headers");

        Assert.Equal(("t 1", "Basic Og=="), (received.Header("X-Request-Tag"), received.Header("Authorization")));
        Assert.Equal("one,two", received.Header("X-List")!.Replace(" ", "", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Shops.Transports), MemberType = typeof(Shops))]
    public async Task The_other_app_may_be_named_in_a_header_or_with_its_namespace(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        Assert.Equal(200, (await shop.OrdersSidecar.GetAsync("/named/by/header?x=1", ("dapr-app-id", "billing"))).Status);
        Assert.Equal(200, (await shop.OrdersSidecar.GetAsync("/v1.0/invoke/billing.default/method/named/with/namespace")).Status);
        Assert.Single(shop.Billing.Received, request => request.Target == "/named/by/header?x=1");
        Assert.Single(shop.Billing.Received, request => request.Target == "/named/with/namespace");
    }

    [Theory]
    [MemberData(nameof(Shops.Transports), MemberType = typeof(Shops))]
    public async Task An_unknown_app_and_an_unknown_route_are_errors_of_the_sidecar(Transport transport)
    {
        var orders = (await shops.GetAsync(transport)).OrdersSidecar;
        Assert.Equal((500, "ERR_DIRECT_INVOKE"), Error(await orders.GetAsync("/v1.0/invoke/warehouse/method/x")));
        Assert.Equal((404, "ERR_DIRECT_INVOKE"), Error(await orders.GetAsync("/v1.0/invoke/billing")));
        Assert.Equal((404, "ERR_DIRECT_INVOKE"), Error(await orders.GetAsync("/v1.0/unheard-of/x")));
        Assert.Equal((500, "ERR_DIRECT_INVOKE"), Error(await orders.PostAsync("/v1.0/invoke/billing/method/x", "text/plain", new byte[4_500_000])));
    }

    [Theory]
    [MemberData(nameof(Shops.Transports), MemberType = typeof(Shops))]
    public async Task The_apps_own_token_goes_with_every_call_to_it(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        await shop.BillingSidecar.GetAsync("/v1.0/invoke/orders/method/needs-token");
        await shop.BillingSidecar.PostJsonAsync("/v1.0/publish/events/shop.placed?metadata.cloudevent.id=needs-token", "1");
        await Shop.ReceivedAsync(shop.Orders, 1, request => request.Text.Contains("\"needs-token\"", StringComparison.Ordinal));

        Assert.All(shop.Orders.Received.Concat(shop.Orders.Handshakes), request => Assert.Equal("orders-token", request.Header("dapr-api-token")));
        Assert.All(shop.Billing.Received.Concat(shop.Billing.Handshakes), request => Assert.Null(request.Header("dapr-api-token")));
    }

    private static (int, string?) Error(Answered answered) => (answered.Status, (string?)Json.Parse(answered.Text)?["errorCode"]);
}
