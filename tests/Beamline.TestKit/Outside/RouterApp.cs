using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Beamline.TestKit.Outside;

/// <summary>A Router as a stranger would write it: a Dapr app of its own that knows the subjects and nothing of Beamline's code.</summary>
public sealed class RouterApp : IAsyncDisposable
{
    public const string AppId = "router";
    public const string Acks = "caf.exec.assign.v1.ack";
    public const string Results = "caf.exec.result.v1";
    public const string DeadLetters = "caf.exec.dlq.v1";
    public const string Events = "beamline.worker.events.e2e";
    public const string EventsOfLeft = "beamline.worker.events.left";
    public const string EventsOfRight = "beamline.worker.events.right";
    public const string Heartbeats = "caf.worker.heartbeat.v1";

    private static readonly string[] Topics = [Acks, Results, DeadLetters, Events, Heartbeats, EventsOfLeft, EventsOfRight];

    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(20) };

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Topic, byte[] Body, JsonNode Json)> _received = new();

    // Completed and replaced with each message, so that every waiter looks again.
    private TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Func<string, byte[], JsonNode, ValueTask>? _observer;

    private RouterApp(WebApplication app, int port, Func<string, byte[], JsonNode, ValueTask>? observer)
    {
        _app = app;
        _observer = observer;
        Port = port;
    }

    public int Port { get; }

    /// <param name="observer">Is given each message before it is acknowledged, and keeps what it wants: the Router itself keeps none then.</param>
    public static async Task<RouterApp> StartAsync(Func<string, byte[], JsonNode, ValueTask>? observer = null)
    {
        var port = FreePorts.Take(1)[0];
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        var app = builder.Build();
        var router = new RouterApp(app, port, observer);
        app.MapGet("/healthz", () => "ok");
        app.MapGet("/dapr/config", () => Microsoft.AspNetCore.Http.Results.NotFound());
        app.MapGet("/dapr/subscribe", () => Microsoft.AspNetCore.Http.Results.Text(Subscriptions(), "application/json"));
        app.MapPost("/from/{topic}", router.TakeAsync);
        await app.StartAsync();
        return router;
    }

    public static string? IdOf(JsonNode message) => message["assignment_id"]?.GetValue<string>();

    /// <summary>
    /// Writes the shipped components and the router's own: to publish, and a durable for each topic, so that it misses nothing
    /// while its sidecar is away.
    /// </summary>
    public static void WriteComponents(string folder)
    {
        foreach (var file in Directory.GetFiles(PlatformProcesses.ShippedComponents))
        {
            // What was on its way to a scheduler that died comes again after ackWait: the shipped 30 s would be most of a test's time.
            File.WriteAllText(Path.Combine(folder, Path.GetFileName(file)), File.ReadAllText(file).Replace("\"30s\"", "\"3s\"", StringComparison.Ordinal));
        }

        WriteComponent(folder, "router-bus", "");
        for (var i = 0; i < Topics.Length; i++)
        {
            WriteComponent(folder, ComponentOf(i), $"""
                    - name: durableName
                      value: "{ComponentOf(i)}"
                    - name: queueGroupName
                      value: "{ComponentOf(i)}"
                    - name: deliverPolicy
                      value: "all"
                    - name: ackWait
                      value: "5s"
                    - name: concurrency
                      value: "single"
                """);
        }
    }

    /// <summary>The next message on a topic that satisfies a condition, seen already or yet to come.</summary>
    public async Task<byte[]> NextAsync(string topic, Func<JsonNode, bool> wanted, CancellationToken cancellation)
    {
        while (true)
        {
            var arrived = Volatile.Read(ref _arrived).Task;
            if (SeenBytes(topic, wanted).FirstOrDefault() is { } body)
            {
                return body;
            }

            await arrived.WaitAsync(cancellation);
        }
    }

    /// <summary>Every body seen on a topic so far.</summary>
    public IEnumerable<JsonNode> Seen(string topic) => _received.Where(message => message.Topic == topic).Select(message => message.Json);

    /// <summary>The exact bytes of those that satisfy a condition.</summary>
    public IEnumerable<byte[]> SeenBytes(string topic, Func<JsonNode, bool> wanted) =>
        _received.Where(message => message.Topic == topic && wanted(message.Json)).Select(message => message.Body);

    /// <summary>Publishes exact bytes, as a NATS client would.</summary>
    public static async Task PublishAsync(PlatformProcesses platform, string topic, string body, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(platform.SidecarOf(AppId), $"/v1.0/publish/router-bus/{topic}?metadata.rawPayload=true"));
        request.Headers.Add("dapr-api-token", platform.ApiToken);
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        request.Content.Headers.ContentType = new("application/octet-stream");
        using var answer = await Http.SendAsync(request, cancellation);
        answer.EnsureSuccessStatusCode();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static string ComponentOf(int topic) => $"router-{topic + 1}";

    private static void WriteComponent(string folder, string name, string metadata) => File.WriteAllText(Path.Combine(folder, name + ".yaml"), $"""
        apiVersion: dapr.io/v1alpha1
        kind: Component
        metadata:
          name: {name}
        spec:
          type: pubsub.jetstream
          version: v1
          metadata:
            - name: natsURL
              value: "nats://127.0.0.1:4222"
        {metadata}
        scopes: [{AppId}]
        """);

    private static string Subscriptions() => new JsonArray([.. Topics.Select((topic, i) => new JsonObject
    {
        ["pubsubname"] = ComponentOf(i),
        ["topic"] = topic,
        ["route"] = "/from/" + topic,
        ["metadata"] = new JsonObject { ["rawPayload"] = "true" },
    })]).ToJsonString();

    private async Task<IResult> TakeAsync(string topic, HttpRequest request)
    {
        var envelope = await JsonNode.ParseAsync(request.Body);
        var body = Convert.FromBase64String(envelope!["data_base64"]!.GetValue<string>());
        var json = JsonNode.Parse(body)!;
        if (_observer is not null)
        {
            await _observer(topic, body, json);
            return Microsoft.AspNetCore.Http.Results.Ok();
        }

        _received.Enqueue((topic, body, json));
        Interlocked.Exchange(ref _arrived, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        return Microsoft.AspNetCore.Http.Results.Ok();
    }
}
