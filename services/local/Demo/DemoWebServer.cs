using System.Collections.Concurrent;
using Beamline.Observability;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Beamline.Local.Demo;

/// <summary>The outside world of the demo: a page, an echo, a service that recovers, one that never answers, one that refuses.</summary>
internal sealed class DemoWebServer : IAsyncDisposable
{
    public const string Page = "<!doctype html><title>Beamline demo</title><p>Steps run here.</p>";

    private readonly WebApplication _app;

    private DemoWebServer(WebApplication app, Uri address)
    {
        _app = app;
        Address = address;
    }

    public Uri Address { get; }

    /// <summary>Starts on any free port of the loopback.</summary>
    public static async Task<DemoWebServer> StartAsync(CancellationToken cancellation)
    {
        var builder = BeamlineHost.CreateBuilder([]);
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();

        // How often each flaky path was asked: one entry a demo run and path, so bounded by the demo itself.
        var asked = new ConcurrentDictionary<string, int>();
        app.MapGet("/page", () => Results.Text(Page, "text/html"));
        app.MapPost("/echo", async (HttpRequest request) =>
        {
            using var reader = new StreamReader(request.Body);
            return Results.Text(await reader.ReadToEndAsync());
        });
        app.MapGet("/flaky/{name}", (string name) =>
            asked.AddOrUpdate(name, 1, (_, times) => times + 1) <= 2 ? Results.StatusCode(503) : Results.Text("recovered"));
        app.MapGet("/gone", () => Results.NotFound());
        app.MapGet("/never", async (CancellationToken aborted) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, aborted);
            return Results.Ok();
        });

        await app.StartAsync(cancellation);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new DemoWebServer(app, new Uri(address));
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
