using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Beamline.DaprAccess;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Scheduler.Tests;

/// <summary>
/// The sidecar's building blocks as a test wants them: what is published is kept, state lies in a dictionary, and either can
/// be sent away or made to refuse. Every answer has the form that the real one was recorded to give.
/// </summary>
internal sealed class ScriptedSidecar : HttpMessageHandler
{
    private readonly ConcurrentQueue<Published> _published = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _publishing;
    private int _bulks;

    public bool BusAway { get; set; }

    public bool StoreAway { get; set; }

    /// <summary>Topics that have no stream.</summary>
    public HashSet<string> MissingTopics { get; } = [];

    /// <summary>Messages that the broker refuses, by what their text contains.</summary>
    public string? Poison { get; set; }

    /// <summary>True: one poisonous entry fails its whole bulk.</summary>
    public bool PoisonFailsBulk { get; set; }

    /// <summary>State calls wait for this.</summary>
    public Task StoreGate { get; set; } = Task.CompletedTask;

    public IReadOnlyList<string> Capabilities { get; set; } = ["ETAG", "TRANSACTIONAL", "TTL"];

    public string StoreType { get; set; } = "state.sqlite";

    public ConcurrentDictionary<string, string> State { get; } = new();

    public ConcurrentQueue<(string Path, string Body)> StateCalls { get; } = new();

    public IReadOnlyList<Published> Messages => [.. _published];

    /// <summary>Sizes of the bulks, taken or not.</summary>
    public ConcurrentQueue<(string Topic, int Size)> Bulks { get; } = new();

    public int MostPublishesAtOnce { get; private set; }

    public void ForgetMost() => MostPublishesAtOnce = 0;

    /// <summary>On the real clock: a test that moves its own must not make calls in flight time out.</summary>
    public DaprClient Client()
    {
        var services = new ServiceCollection();
        services.AddSingleton(TimeProvider.System);
        services.AddDaprClient(options =>
        {
            options.HttpEndpoint = new Uri("http://sidecar.test");
            options.PrimaryHandlerFactory = () => this;
        });
        return services.BuildServiceProvider().GetRequiredService<DaprClient>();
    }

    /// <summary>Completes once the condition holds; looked at after each call.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        while (true)
        {
            var changed = _changed.Task;
            if (condition())
            {
                return;
            }

            await changed;
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var path = request.RequestUri!.AbsolutePath;
        var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        HttpResponseMessage answer;
        try
        {
            answer = path.Split('/') switch
            {
                [_, _, "publish", "bulk", _, var topic] => await PublishAsync(Uri.UnescapeDataString(topic), body),
                [_, _, "state", ..] => await StateAsync(path, body, cancellationToken),
                [_, _, "metadata"] => Json(HttpStatusCode.OK, Metadata()),
                _ => new HttpResponseMessage(HttpStatusCode.NotFound),
            };
        }
        finally
        {
            Interlocked.Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        }

        return answer;
    }

    private async Task<HttpResponseMessage> PublishAsync(string topic, byte[] body)
    {
        var now = Interlocked.Increment(ref _publishing);
        MostPublishesAtOnce = Math.Max(MostPublishesAtOnce, now);
        await Task.Yield();
        try
        {
            return Publish(topic, body);
        }
        finally
        {
            Interlocked.Decrement(ref _publishing);
        }
    }

    private HttpResponseMessage Publish(string topic, byte[] body)
    {
        using var document = JsonDocument.Parse(body);
        var entries = document.RootElement.EnumerateArray()
            .Select(entry => (Id: entry.GetProperty("entryId").GetString()!, Data: entry.GetProperty("event").GetBytesFromBase64()))
            .ToList();
        Bulks.Enqueue((topic, entries.Count));
        if (BusAway || MissingTopics.Contains(topic))
        {
            return Json(HttpStatusCode.InternalServerError, """{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE","message":"nats: timeout"}""");
        }

        var refused = entries.Where(entry => Poison is { } poison && Encoding.UTF8.GetString(entry.Data).Contains(poison, StringComparison.Ordinal)).ToList();
        if (refused.Count > 0 && PoisonFailsBulk)
        {
            return Json(HttpStatusCode.InternalServerError, """{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE","message":"maximum payload exceeded"}""");
        }

        var bulk = Interlocked.Increment(ref _bulks);
        foreach (var entry in entries.Except(refused))
        {
            _published.Enqueue(new Published(topic, entry.Data, bulk));
        }

        return refused.Count == 0
            ? new HttpResponseMessage(HttpStatusCode.NoContent)
            : Json(HttpStatusCode.InternalServerError, JsonSerializer.Serialize(new
            {
                failedEntries = refused.Select(entry => new { entryId = entry.Id, error = "maximum payload exceeded" }),
                errorCode = "ERR_PUBSUB_PUBLISH_MESSAGE",
            }));
    }

    private async Task<HttpResponseMessage> StateAsync(string path, byte[] body, CancellationToken ct)
    {
        StateCalls.Enqueue((path, Encoding.UTF8.GetString(body)));
        await StoreGate.WaitAsync(ct);
        if (StoreAway)
        {
            return Json(HttpStatusCode.InternalServerError, """{"errorCode":"ERR_STATE_GET","message":"connection refused"}""");
        }

        using var document = JsonDocument.Parse(body);
        if (path.EndsWith("/bulk", StringComparison.Ordinal))
        {
            var keys = document.RootElement.GetProperty("keys").EnumerateArray().Select(key => key.GetString()!);
            var items = keys.Select(key => State.TryGetValue(key, out var value) ? $$"""{"key":"{{key}}","data":{{value}},"etag":"1"}""" : $$"""{"key":"{{key}}"}""");
            return Json(HttpStatusCode.OK, $"[{string.Join(',', items)}]");
        }

        var writes = path.EndsWith("/transaction", StringComparison.Ordinal)
            ? document.RootElement.GetProperty("operations").EnumerateArray().Select(operation => operation.GetProperty("request"))
            : document.RootElement.EnumerateArray();
        if (Poison is { } poison && Encoding.UTF8.GetString(body).Contains(poison, StringComparison.Ordinal))
        {
            return Json(HttpStatusCode.InternalServerError, """{"errorCode":"ERR_STATE_SAVE","message":"value too large"}""");
        }

        foreach (var write in writes)
        {
            State[write.GetProperty("key").GetString()!] = write.GetProperty("value").GetRawText();
        }

        return new HttpResponseMessage(HttpStatusCode.NoContent);
    }

    private string Metadata() => JsonSerializer.Serialize(new
    {
        id = "scheduler",
        components = new[] { new { name = "beamline-state", type = StoreType, version = "v1", capabilities = Capabilities } },
    });

    private static HttpResponseMessage Json(HttpStatusCode status, string body) =>
        new(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    internal sealed record Published(string Topic, byte[] Body, int Bulk)
    {
        public string Text => Encoding.UTF8.GetString(Body);
    }
}
