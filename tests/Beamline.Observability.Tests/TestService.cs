using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Observability.Tests;

/// <summary>A whole service on a free port, as its Program would build it; its log lines are kept.</summary>
internal sealed class TestService : IAsyncDisposable
{
    private readonly LineStream _log = new();

    private TestService(string component, Action<WebApplicationBuilder>? configure, string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddBeamline(component);
        builder.Services.AddSingleton(new LogOutput(_log));
        configure?.Invoke(builder);
        App = builder.Build();
        App.MapBeamline();
    }

    public WebApplication App { get; }

    public HttpClient Http { get; } = new();

    public static async Task<TestService> StartAsync(
        string component = "scheduler", Action<WebApplicationBuilder>? configure = null, Action<WebApplication>? map = null, string[]? args = null)
    {
        var service = new TestService(component, configure, args ?? []);
        map?.Invoke(service.App);
        await service.App.StartAsync(TestContext.Current.CancellationToken);
        service.Http.BaseAddress = new Uri(service.App.Urls.First());
        return service;
    }

    /// <summary>Stops the service, which writes what is queued, and gives its log lines.</summary>
    public async Task<IReadOnlyList<JsonElement>> StopAndReadLogAsync()
    {
        await DisposeAsync();
        return [.. _log.Lines().Select(line => JsonDocument.Parse(line).RootElement)];
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.DisposeAsync();
    }

    private sealed class LineStream : MemoryStream
    {
        public string[] Lines() => Encoding.UTF8.GetString(ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
