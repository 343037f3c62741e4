using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Beamline.DaprAccess.Tests;

/// <summary>A server on a free port that answers what the real sidecar was recorded to answer, and keeps what it was sent.</summary>
internal sealed class RecordedSidecar : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RecordedSidecar(WebApplication app) => _app = app;

    public List<Seen> Requests { get; } = [];

    public Uri Address => new(_app.Urls.First());

    public static Task<RecordedSidecar> AnswersAsync(int status, string body = "", params (string Name, string Value)[] headers) =>
        RunsAsync(context => WriteAsync(context, status, body, headers));

    /// <summary>One answer after the other; the last one stays.</summary>
    public static Task<RecordedSidecar> AnswersInTurnAsync(params (int Status, string Body, string? ETag)[] answers)
    {
        var next = 0;
        return RunsAsync(context =>
        {
            var (status, body, etag) = answers[Math.Min(next++, answers.Length - 1)];
            return WriteAsync(context, status, body, etag is null ? [] : [("Etag", etag)]);
        });
    }

    public static async Task<RecordedSidecar> RunsAsync(RequestDelegate handler)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var sidecar = new RecordedSidecar(app);
        app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            sidecar.Requests.Add(new Seen(
                context.Request.Method,
                context.Features.Get<IHttpRequestFeature>()!.RawTarget,
                context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
                body.ToArray()));
            await handler(context);
        });
        await app.StartAsync();
        return sidecar;
    }

    public DaprClient Client(Action<DaprClientOptions>? configure = null, TimeProvider? time = null)
    {
        var options = new DaprClientOptions { HttpEndpoint = Address };
        configure?.Invoke(options);
        return DaprClientRegistration.Create(options, null, time ?? TimeProvider.System);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static Task WriteAsync(HttpContext context, int status, string body, (string Name, string Value)[] headers)
    {
        context.Response.StatusCode = status;
        foreach (var (name, value) in headers)
        {
            context.Response.Headers[name] = value;
        }

        context.Response.ContentType = body.Length > 0 ? "application/json" : null;
        return body.Length > 0 ? context.Response.WriteAsync(body) : Task.CompletedTask;
    }

    internal sealed record Seen(string Method, string Target, IReadOnlyDictionary<string, string> Headers, byte[] Body)
    {
        public string Text => Encoding.UTF8.GetString(Body);
    }
}
