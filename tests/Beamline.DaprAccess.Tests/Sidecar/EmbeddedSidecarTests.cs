using System.Net;
using System.Text;
using System.Threading.Channels;
using Beamline.Sidecar;
using Beamline.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.DaprAccess.Tests;

/// <summary>Client and app side together, on the embedded sidecar: over sockets and in memory.</summary>
public class EmbeddedSidecarTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Raw_messages_arrive_exact_one_by_one_and_in_bulk(bool inMemory)
    {
        await using var platform = await Platform.StartAsync(inMemory);
        const string Exact = """{"z":9007199254740993,"a":"<&>"}""";

        await platform.Dapr.PublishEventAsync("bus", "caf.exec.assign.v1", Encoding.UTF8.GetBytes(Exact), ct: Ct);
        var single = await platform.Received.ReadAsync(Ct);
        var bulk = await platform.Dapr.BulkPublishEventAsync("bus", "caf.exec.assign.v1", [new("1", new byte[] { 0, 159, 146, 255 }), new("2", "two"u8.ToArray())], ct: Ct);
        var both = new[] { await platform.Received.ReadAsync(Ct), await platform.Received.ReadAsync(Ct) };

        Assert.Equal((Exact, "caf.exec.assign.v1"), (Encoding.UTF8.GetString(single.Data.Span), single.Topic));
        Assert.True(bulk.IsSuccess);
        Assert.Equal(["AJ+S/w==", "dHdv"], both.Select(message => Convert.ToBase64String(message.Data.Span)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task State_keeps_etags_first_writers_and_transactions(bool inMemory)
    {
        await using var platform = await Platform.StartAsync(inMemory);
        var dapr = platform.Dapr;

        Assert.True(await dapr.TrySaveStateAsync("state", new("k", Json("""{"by":1}"""), TtlInSeconds: 100), Ct));
        Assert.True(await dapr.TrySaveStateAsync("state", new("k", Json("""{"by":1}""")), Ct));
        Assert.False(await dapr.TrySaveStateAsync("state", new("k", Json("""{"by":2}""")), Ct));
        var entry = await dapr.GetStateAsync("state", "k", Ct);
        Assert.True(await dapr.TrySaveStateAsync("state", new("k", Json("""{"by":3}"""), entry!.ETag), Ct));
        Assert.False(await dapr.TryDeleteStateAsync("state", "k", entry.ETag!, Ct));

        await dapr.ExecuteStateTransactionAsync("state", [new("a", Json("1")), new("k", default, StateOperationType.Delete)], Ct);
        var items = await dapr.GetBulkStateAsync("state", ["a", "k"], Ct);
        Assert.Equal([("a", "1"), ("k", null)], items.OrderBy(item => item.Key).Select(item => (item.Key, item.Value is { } value ? Encoding.UTF8.GetString(value.Span) : null)));

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.ExecuteStateTransactionAsync("state", [new("b", Json("1")), new("a", Json("2"), ETag: "old")], Ct));
        Assert.True(failure.IsETagMismatch);
        Assert.Null(await dapr.GetStateAsync("state", "b", Ct));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Invocation_reaches_the_app_and_names_what_is_missing(bool inMemory)
    {
        await using var platform = await Platform.StartAsync(inMemory);

        var pong = await platform.Dapr.InvokeMethodAsync("scheduler", "tasks/double", new Ping(21), PingJson.Default.Ping, PingJson.Default.Ping, Ct);
        var nobody = await Assert.ThrowsAsync<DaprInvocationException>(() => platform.Dapr.InvokeMethodAsync("nobody", "x", new Ping(1), PingJson.Default.Ping, PingJson.Default.Ping, Ct));
        var noMethod = await Assert.ThrowsAsync<DaprInvocationException>(() => platform.Dapr.InvokeMethodAsync("scheduler", "x", new Ping(1), PingJson.Default.Ping, PingJson.Default.Ping, Ct));

        Assert.Equal(42, pong.N);
        Assert.Equal((DaprInvocationFailure.AppNotFound, true), (nobody.Failure, nobody.HasCertainlyNotRun));
        Assert.Equal((DaprInvocationFailure.CalleeAnswered, HttpStatusCode.NotFound), (noMethod.Failure, noMethod.StatusCode!.Value));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_sidecar_tells_of_itself(bool inMemory)
    {
        await using var platform = await Platform.StartAsync(inMemory);

        await platform.Dapr.WaitForSidecarAsync(TimeSpan.FromSeconds(10), Ct);
        Assert.True(await platform.Dapr.CheckHealthAsync(Ct));
        var metadata = await platform.Dapr.GetMetadataAsync(Ct);
        var unknown = await Assert.ThrowsAsync<DaprException>(() => platform.Dapr.PublishEventAsync("nope", "t", "1"u8.ToArray(), ct: Ct));

        Assert.Equal("scheduler", metadata.Id);
        Assert.Equal(["bus", "state"], metadata.Components!.Select(component => component.Name).Order(StringComparer.Ordinal));
        Assert.Equal((HttpStatusCode.NotFound, "ERR_PUBSUB_NOT_FOUND"), (unknown.StatusCode!.Value, unknown.ErrorCode));
    }

    private static byte[] Json(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>A sidecar with its app, tokens both ways.</summary>
    private sealed class Platform(TemporaryFolder folder, EmbeddedSidecar sidecar, WebApplication app, ServiceProvider client) : IAsyncDisposable
    {
        private const string Bus = """
            apiVersion: dapr.io/v1alpha1
            kind: Component
            metadata: { name: bus }
            spec:
              type: pubsub.jetstream
              version: v1
              metadata:
              - { name: natsURL, value: "nats://127.0.0.1:4222" }
              - { name: deliverPolicy, value: "new" }
              - { name: ackWait, value: "5s" }
            """;

        private const string State = """
            apiVersion: dapr.io/v1alpha1
            kind: Component
            metadata: { name: state }
            spec:
              type: state.in-memory
              version: v1
            """;

        public DaprClient Dapr => client.GetRequiredService<DaprClient>();

        public required ChannelReader<TopicMessage> Received { get; init; }

        public static async Task<Platform> StartAsync(bool inMemory)
        {
            var folder = new TemporaryFolder();
            Directory.CreateDirectory(folder.File("components"));
            await File.WriteAllTextAsync(folder.File("components/bus.yaml"), Bus, Ct);
            await File.WriteAllTextAsync(folder.File("components/state.yaml"), State, Ct);
            var received = Channel.CreateBounded<TopicMessage>(16);
            var app = await AppAsync(received.Writer);
            var sidecar = await EmbeddedSidecar.StartAsync(
                new SidecarOptions { DataDirectory = folder.File("data"), ComponentsPath = folder.File("components"), ApiToken = "to-sidecar" }, NullLoggerFactory.Instance, Ct);
            var instance = await sidecar.AddAppAsync(
                new SidecarAppOptions { AppId = "scheduler", AppEndpoint = new Uri(app.Urls.First()), AppApiToken = "to-app", ListenPort = inMemory ? null : 0 }, Ct);
            await instance.WaitReadyAsync(Ct);
            var client = new ServiceCollection().AddDaprClient(options =>
            {
                options.ApiToken = "to-sidecar";
                options.HttpEndpoint = inMemory ? new Uri("http://sidecar") : instance.HttpEndpoint;
                options.PrimaryHandlerFactory = inMemory ? instance.CreateHandler : null;
            }).BuildServiceProvider();
            return new Platform(folder, sidecar, app, client) { Received = received.Reader };
        }

        public async ValueTask DisposeAsync()
        {
            await client.DisposeAsync();
            await sidecar.DisposeAsync();
            await app.DisposeAsync();
            folder.Dispose();
        }

        private static async Task<WebApplication> AppAsync(ChannelWriter<TopicMessage> received)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Logging.ClearProviders();
            var app = builder.Build();
            app.UseAppApiToken("to-app");
            app.MapDaprSubscriptions();
            app.MapGet("/healthz", () => "ok");
            app.MapPost("/tasks/double", (Ping ping) => new Ping(ping.N * 2));
            app.MapTopic("bus", "caf.exec.assign.v1", "/bus/assign", new TopicOptions(), async (message, ct) =>
            {
                await received.WriteAsync(message, ct);
                return TopicResponse.Success;
            });
            await app.StartAsync(Ct);
            return app;
        }
    }
}
