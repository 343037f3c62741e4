using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Beamline.TestKit.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Beamline.EndToEnd.Tests;

/// <summary>A Router as a stranger would write it: a Dapr app of its own that knows the subjects and nothing of Beamline's code.</summary>
public sealed class RouterApp : IAsyncDisposable
{
    public const string AppId = "router";

    private static readonly string[] Topics =
        ["caf.exec.assign.v1.ack", "caf.exec.result.v1", "caf.exec.dlq.v1", "beamline.worker.events.e2e", "caf.worker.heartbeat.v1"];

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Topic, byte[] Body)> _received = new();
    private readonly SemaphoreSlim _arrived = new(0);

    private RouterApp(WebApplication app, int port)
    {
        _app = app;
        Port = port;
    }

    public int Port { get; }

    public static async Task<RouterApp> StartAsync()
    {
        var port = FreePorts.Take(1)[0];
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        var app = builder.Build();
        var router = new RouterApp(app, port);
        app.MapGet("/healthz", () => "ok");
        app.MapGet("/dapr/config", () => Results.NotFound());
        app.MapGet("/dapr/subscribe", () => Results.Text(Subscriptions(), "application/json"));
        app.MapPost("/from/{topic}", router.TakeAsync);
        await app.StartAsync();
        return router;
    }

    /// <summary>Writes the shipped components and one of the router's own: no durable, so it is told everything that comes from now.</summary>
    public static void WriteComponents(string folder)
    {
        foreach (var file in Directory.GetFiles(PlatformProcesses.ShippedComponents))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(folder, "router-bus.yaml"), """
            apiVersion: dapr.io/v1alpha1
            kind: Component
            metadata:
              name: router-bus
            spec:
              type: pubsub.jetstream
              version: v1
              metadata:
                - {name: natsURL, value: "nats://127.0.0.1:4222"}
                - {name: name, value: "router"}
                - {name: deliverPolicy, value: "new"}
                - {name: ackWait, value: "5s"}
                - {name: concurrency, value: "single"}
            scopes: [router]
            """);
    }

    /// <summary>The next message on a topic whose body satisfies a condition, seen already or yet to come.</summary>
    public async Task<byte[]> NextAsync(string topic, Func<JsonNode, bool> wanted, CancellationToken cancellation)
    {
        while (true)
        {
            foreach (var (at, body) in _received)
            {
                if (at == topic && wanted(JsonNode.Parse(body)!))
                {
                    return body;
                }
            }

            await _arrived.WaitAsync(cancellation);
        }
    }

    /// <summary>Every body seen on a topic so far.</summary>
    public IReadOnlyList<JsonNode> Seen(string topic) => [.. _received.Where(message => message.Topic == topic).Select(message => JsonNode.Parse(message.Body)!)];

    /// <summary>Publishes exact bytes, as a NATS client would.</summary>
    public static async Task PublishAsync(PlatformProcesses platform, string topic, string body, CancellationToken cancellation)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(platform.SidecarOf(AppId), $"/v1.0/publish/router-bus/{topic}?metadata.rawPayload=true"));
        request.Headers.Add("dapr-api-token", platform.ApiToken);
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        request.Content.Headers.ContentType = new("application/octet-stream");
        using var answer = await http.SendAsync(request, cancellation);
        answer.EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _arrived.Dispose();
    }

    private static string Subscriptions() => new JsonArray([.. Topics.Select(topic => new JsonObject
    {
        ["pubsubname"] = "router-bus",
        ["topic"] = topic,
        ["route"] = "/from/" + topic,
        ["metadata"] = new JsonObject { ["rawPayload"] = "true" },
    })]).ToJsonString();

    private async Task<IResult> TakeAsync(string topic, HttpRequest request)
    {
        var envelope = await JsonNode.ParseAsync(request.Body);
        _received.Enqueue((topic, Convert.FromBase64String(envelope!["data_base64"]!.GetValue<string>())));
        _arrived.Release();
        return Results.Ok();
    }
}
