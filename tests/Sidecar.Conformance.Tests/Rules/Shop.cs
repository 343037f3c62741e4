using System.Collections.Concurrent;
using System.Text;
using Beamline.Sidecar.Conformance.Tests.Hosts;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Conformance.Tests.Rules;

/// <summary>Two apps and their sidecars under names that no recording has; one a transport and test class.</summary>
public sealed class Shops : IAsyncLifetime
{
    private readonly Lock _lock = new(); // guards _shops
    private readonly Dictionary<Transport, Task<Shop>> _shops = [];

    public static TheoryData<Transport> Transports => [Transport.Sockets, Transport.Memory];

    internal Task<Shop> GetAsync(Transport transport)
    {
        lock (_lock)
        {
            if (!_shops.TryGetValue(transport, out var shop))
            {
                shop = Task.Run(() => Shop.OpenAsync(transport, CancellationToken.None));
                _shops.Add(transport, shop);
            }

            return shop;
        }
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var shop in _shops.Values)
        {
            await (await shop).DisposeAsync();
        }
    }
}

internal sealed class Shop : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly ConcurrentDictionary<string, Func<HttpContext, Task>> _answers = new();
    private readonly ReplayHost _host;
    private int _fences;

    private Shop(ReplayHost host)
    {
        _host = host;
        Orders = new RecordingApp(OrdersSubscriptions, AnswerAsync);
        Billing = new RecordingApp(BillingSubscriptions, AnswerAsync);
    }

    public RecordingApp Orders { get; }

    public RecordingApp Billing { get; }

    public SidecarClient OrdersSidecar { get; private set; } = null!;

    public SidecarClient BillingSidecar { get; private set; } = null!;

    public static async Task<Shop> OpenAsync(Transport transport, CancellationToken cancellation)
    {
        Environment.SetEnvironmentVariable("SHOPRULE_DB_PASSWORD", "pä$$ word");
        Environment.SetEnvironmentVariable("SHOPRULE_EMPTYISH", " ");
        var settings = new HostSettings
        {
            Documents = [.. Components],
            Files = new Dictionary<string, string> { ["vault.json"] = """{"api":{"keys":{"eu":"k-eu","us":"k-us"}},"plain":"p w d"}""" },
            Streams = new Dictionary<string, string[]> { ["SHOP"] = ["shop.>"], ["AUDIT"] = ["audit.*"] },
        };
        var shop = new Shop(await ReplayHost.StartAsync(transport, settings, cancellation));
        shop.OrdersSidecar = await shop._host.AddAsync(new HostedApp("orders", shop.Orders) { AppToken = "orders-token" }, cancellation);
        shop.BillingSidecar = await shop._host.AddAsync(new HostedApp("billing", shop.Billing), cancellation);
        return shop;
    }

    public Task PassAsync(TimeSpan time) => _host.PassAsync(time, TestContext.Current.CancellationToken);

    /// <summary>All requests on a path of either app are answered so, until told otherwise.</summary>
    public void Answer(string path, Func<HttpContext, Task> answer) => _answers[path] = answer;

    /// <summary>Waits until an app has received <paramref name="count"/> matching requests, and returns all that match.</summary>
    public static async Task<IReadOnlyList<ReceivedRequest>> ReceivedAsync(RecordingApp app, int count, Func<ReceivedRequest, bool> match)
    {
        await app.WaitAsync(match, count, Patience, TestContext.Current.CancellationToken);
        return [.. app.Received.Where(match)];
    }

    /// <summary>Returns after what was published before to <paramref name="topic"/> has been delivered to orders, as far as it ever is.</summary>
    public async Task SettleAsync(string topic)
    {
        var fence = $"shop-fence-{Interlocked.Increment(ref _fences)}";
        var answer = await OrdersSidecar.PostJsonAsync($"/v1.0/publish/events/{topic}?metadata.cloudevent.id={fence}", "{}");
        Assert.Equal(204, answer.Status);
        await ReceivedAsync(Orders, 1, request => Readable(request).Contains($"\"{fence}\"", StringComparison.Ordinal));
    }

    /// <summary>The body, or what a raw delivery carries.</summary>
    public static string Readable(ReceivedRequest request) =>
        request.Text.Contains("\"data_base64\"", StringComparison.Ordinal) && request.Text.Contains("\"source\":\"Dapr\"", StringComparison.Ordinal)
            ? Encoding.UTF8.GetString(RawBytes(request))
            : request.Text;

    public static byte[] RawBytes(ReceivedRequest request) =>
        Convert.FromBase64String(Replay.Json.Parse(request.Text)!["data_base64"]!.GetValue<string>());

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private Task AnswerAsync(ReceivedRequest request, HttpContext context) =>
        _answers.TryGetValue(request.Target.Split('?')[0], out var answer) ? answer(context) : Task.CompletedTask;

    private const string OrdersSubscriptions =
        """
        [{"pubsubname":"events","topic":"shop.placed","route":"/placed"},
         {"pubsubname":"events","topic":"shop.bytes","route":"/by/tes","metadata":{"rawPayload":"true"}},
         {"pubsubname":"events","topic":"shop.region.*","route":"/region"},
         {"pubsubname":"events","topic":"shop.tree.>","route":"/tree","metadata":{"rawPayload":"true"}},
         {"pubsubname":"answers","topic":"shop.answers","route":"/answers"},
         {"pubsubname":"lane-a","topic":"shop.lanes","route":"/lanes"},
         {"pubsubname":"lane-b","topic":"shop.lanes","route":"/lanes"}]
        """;

    private const string BillingSubscriptions =
        """[{"pubsubname":"events","topic":"shop.placed","route":"/bill-placed"}]""";

    private static readonly IReadOnlyList<string> Components =
    [
        Component("events", "pubsub.jetstream", ("natsURL", "nats://127.0.0.1:<nats-port>"), ("deliverPolicy", "new"), ("ackWait", "30s")),
        Component("answers", "pubsub.jetstream", ("natsURL", "nats://127.0.0.1:<nats-port>"), ("deliverPolicy", "new"), ("ackWait", "700ms"), ("maxDeliver", "5")),
        Component("lane-a", "pubsub.jetstream", ("natsURL", "nats://127.0.0.1:<nats-port>"), ("durableName", "lanes"), ("queueGroupName", "lanes"), ("ackWait", "30s")),
        Component("lane-b", "pubsub.jetstream", ("natsURL", "nats://127.0.0.1:<nats-port>"), ("durableName", "lanes"), ("queueGroupName", "lanes"), ("ackWait", "30s")),
        Component("narrow", "pubsub.jetstream", ("natsURL", "nats://127.0.0.1:<nats-port>"), ("allowedTopics", "shop.placed,shop.paid")),
        Component("store", "state.sqlite", ("connectionString", "<dir>/shop.db")),
        Component("scratch", "state.in-memory"),
        Component("vault", "secretstores.local.file", ("secretsFile", "<dir>/vault.json"), ("nestedSeparator", ".")),
        Component("env", "secretstores.local.env", ("prefix", "SHOPRULE_")),
    ];

    private static string Component(string name, string type, params (string Name, string Value)[] metadata) =>
        $"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\nspec:\n  type: {type}\n  version: v1\n"
        + $"  metadata: [{string.Join(", ", metadata.Select(item => $"{{name: {item.Name}, value: \"{item.Value}\"}}"))}]\n";
}
