using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Replay;

namespace Beamline.Sidecar.Conformance.Tests.Rules;

public sealed class AnswerRulesTests(Shops shops) : IClassFixture<Shops>
{
    private static readonly TimeSpan AckWait = TimeSpan.FromMilliseconds(700);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    public static MatrixTheoryData<Transport, (int Status, string Body)> Acknowledging => new(
        [Transport.Sockets, Transport.Memory],
        [(203, ""), (404, "not mine"), (200, """{"status":"DROP","why":"old"}"""), (200, """{"other":"RETRY"}"""), (200, "\"RETRY\""), (206, "RETRY")]);

    public static MatrixTheoryData<Transport, (int Status, string Body)> Retrying => new(
        [Transport.Sockets, Transport.Memory],
        [(307, ""), (402, ""), (410, "gone"), (418, ""), (502, """{"status":"SUCCESS"}"""), (200, """{"status":"Retry"}"""), (201, """{"status":"completed"}""")]);

    [Theory]
    [MemberData(nameof(Acknowledging))]
    public async Task Is_delivered_once_when_the_app_answers(Transport transport, (int Status, string Body) answer)
    {
        var shop = await shops.GetAsync(transport);
        var id = await PublishAnsweredAsync(shop, answer.Status, answer.Body);
        await Shop.ReceivedAsync(shop.Orders, 1, Is(id));
        await shop.PassAsync(AckWait + Moment);
        await PublishAndWaitAsync(shop);

        Assert.Single(shop.Orders.Received, request => Is(id)(request));
    }

    [Theory]
    [MemberData(nameof(Retrying))]
    public async Task Is_delivered_again_after_the_acknowledgement_wait_when_the_app_answers(Transport transport, (int Status, string Body) answer)
    {
        var shop = await shops.GetAsync(transport);
        var id = await PublishAnsweredAsync(shop, answer.Status, answer.Body);
        await Shop.ReceivedAsync(shop.Orders, 1, Is(id));
        await shop.PassAsync(AckWait - Moment);
        await shop.SettleAsync("shop.region.fence");
        Assert.Single(shop.Orders.Received, request => Is(id)(request));

        shop.Answer("/answers", _ => Task.CompletedTask);
        await shop.PassAsync(2 * Moment);
        var deliveries = await Shop.ReceivedAsync(shop.Orders, 2, Is(id));
        await shop.PassAsync(AckWait + Moment);
        await PublishAndWaitAsync(shop);

        Assert.Equal(deliveries[0].Text, deliveries[1].Text);
        Assert.Equal(2, shop.Orders.Received.Count(request => Is(id)(request)));
    }

    [Theory]
    [MemberData(nameof(Shops.Transports), MemberType = typeof(Shops))]
    public async Task Two_lanes_share_the_messages_of_their_durable(Transport transport)
    {
        var shop = await shops.GetAsync(transport);
        var entries = Enumerable.Range(0, 40).Select(i => $$"""{"entryId":"{{i}}","event":"lane-{{i}}","contentType":"text/plain"}""");
        Assert.Equal(204, (await shop.OrdersSidecar.PostJsonAsync("/v1.0/publish/bulk/events/shop.lanes", $"[{string.Join(",", entries)}]")).Status);
        var delivered = await Shop.ReceivedAsync(shop.Orders, 40, request => request.Target == "/lanes");

        Assert.Equal(
            Enumerable.Range(0, 40).Select(i => $"lane-{i}").Order(StringComparer.Ordinal),
            delivered.Select(request => (string)Json.Parse(request.Text)!["data"]!).Order(StringComparer.Ordinal));
        Assert.All(delivered, request => Assert.Contains(request.Header("Pubsubname"), new[] { "lane-a", "lane-b" }));
    }

    private static async Task<string> PublishAnsweredAsync(Shop shop, int status, string body)
    {
        shop.Answer("/answers", context => RecordingApp.AnswerAsync(context, status, "application/json", body));
        return await PublishAsync(shop);
    }

    private static async Task PublishAndWaitAsync(Shop shop)
    {
        shop.Answer("/answers", _ => Task.CompletedTask);
        await Shop.ReceivedAsync(shop.Orders, 1, Is(await PublishAsync(shop)));
    }

    private static async Task<string> PublishAsync(Shop shop)
    {
        var id = $"answer-{Guid.NewGuid():N}";
        Assert.Equal(204, (await shop.BillingSidecar.PostJsonAsync($"/v1.0/publish/answers/shop.answers?metadata.cloudevent.id={id}", "{}")).Status);
        return id;
    }

    private static Func<ReceivedRequest, bool> Is(string id) => request => request.Text.Contains($"\"{id}\"", StringComparison.Ordinal);
}
