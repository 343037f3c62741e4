using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Tests;

/// <summary>What an app received.</summary>
internal sealed record Received(string Method, string Path, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>What an app answers.</summary>
internal sealed record Reply(int Status, string Body, string ContentType)
{
    public static Reply Text(string body, string contentType = "text/plain", int status = 200) => new(status, body, contentType);

    public static Reply StatusCode(int status) => new(status, "", "text/plain");
}

/// <summary>An app in memory: answers what it is told, and lets a test wait for what it received.</summary>
internal sealed class TestApp
{
    private readonly Channel<Received> _received = Channel.CreateBounded<Received>(100_000);
    private readonly ConcurrentDictionary<string, Func<Received, int, Reply>> _answers = new();
    private readonly ConcurrentDictionary<string, int> _counts = new();

    public string Subscriptions { get; set; } = "[]";

    public ChannelReader<Received> Deliveries => _received.Reader;

    /// <summary>The second argument counts the calls of the path, from one.</summary>
    public void Answer(string path, Func<Received, int, Reply> answer) => _answers[path] = answer;

    public int CallsOf(string path) => _counts.GetValueOrDefault(path);

    public InProcess.InProcessHandler Handler() => new(HandleAsync);

    public async Task<Received> NextAsync() => await _received.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        if (path is "/dapr/config" or "/dapr/subscribe" or "/healthz")
        {
            await context.Response.WriteAsync(path == "/dapr/subscribe" ? Subscriptions : "{}");
            return;
        }

        using var reader = new StreamReader(context.Request.Body);
        var received = new Received(
            context.Request.Method, path + context.Request.QueryString, await reader.ReadToEndAsync(),
            context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        var count = _counts.AddOrUpdate(path, 1, (_, before) => before + 1);
        var answer = _answers.TryGetValue(path, out var made) ? made(received, count) : Reply.Text("");
        await _received.Writer.WriteAsync(received);
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.ContentType;
        await context.Response.WriteAsync(answer.Body);
    }
}
