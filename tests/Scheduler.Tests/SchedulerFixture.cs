using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using Beamline.Contracts;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.DaprAccess;
using Beamline.InProcess;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Tests.Engine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Tests;

/// <summary>The whole scheduler as its process runs it, without sockets: a real ledger, a scripted sidecar, the real clock.</summary>
internal sealed class SchedulerFixture : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _client;

    private SchedulerFixture(WebApplication app, InProcessServer server, ScriptedSidecar sidecar, string folder)
    {
        (_app, Sidecar, Folder) = (app, sidecar, folder);
        _client = new HttpClient(new InProcessHandler(server)) { BaseAddress = new Uri("http://scheduler.test") };
        Worker = new EngineWorker(app.Services.GetRequiredService<SchedulingEngine>());
    }

    public ScriptedSidecar Sidecar { get; }

    public string Folder { get; }

    public EngineWorker Worker { get; }

    public IServiceProvider Services => _app.Services;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<SchedulerFixture> StartAsync(string? folder = null, ScriptedSidecar? sidecar = null, params (string Key, string Value)[] settings)
    {
        folder ??= Directory.CreateTempSubdirectory("beamline-scheduler-").FullName;
        sidecar ??= new ScriptedSidecar();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value));
        builder.Configuration["Ledger:Folder"] = folder;
        var server = new InProcessServer();
        builder.Services.AddSingleton<IServer>(server);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(sidecar.Client());
        builder.Services.AddScheduler(builder.Configuration);
        var app = builder.Build();
        app.MapScheduler();
        await app.StartAsync(Token);
        return new SchedulerFixture(app, server, sidecar, folder);
    }

    public async Task<TResponse> CallAsync<TRequest, TResponse>(string method, TRequest request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TResponse> responseType)
    {
        using var answer = await SendAsync(method, JsonContent.Create(request, requestType));
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(responseType, Token))!;
    }

    public Task<HttpResponseMessage> SendAsync(string path, HttpContent content) => _client.PostAsync(path, content, Token);

    public Task<HttpResponseMessage> StreamAsync<TRequest>(string method, TRequest request, JsonTypeInfo<TRequest> type) => _client.SendAsync(
        new HttpRequestMessage(HttpMethod.Post, method) { Content = JsonContent.Create(request, type) }, HttpCompletionOption.ResponseHeadersRead, Token);

    public Task<AdmitResponse> AdmitAsync(string? watcher, params AdmitItem[] items) => CallAsync(
        SchedulerMethods.Admit, new AdmitRequest { Watcher = watcher, Items = items }, BeamlineJson.Default.AdmitRequest, BeamlineJson.Default.AdmitResponse);

    /// <summary>Runs everything that is queued, with success.</summary>
    public async Task FinishAsync(int tasks)
    {
        for (var done = 0; done < tasks;)
        {
            var leases = (await Worker.WorkAsync(tasks)).Leases;
            await Worker.ReportAsync(0, [.. leases.Select(EngineWorker.Ok)]);
            done += leases.Count;
        }
    }

    /// <summary>A raw delivery as the sidecar makes it.</summary>
    public async Task<string> DeliverAsync(string route, byte[] data)
    {
        var envelope = $$"""{"data_base64":"{{Convert.ToBase64String(data)}}","datacontenttype":"application/octet-stream","id":"{{Guid.NewGuid()}}","pubsubname":"p","topic":"t","specversion":"1.0","type":"com.dapr.event.sent","source":"x"}""";
        using var answer = await SendAsync(route, new StringContent(envelope, Encoding.UTF8, "application/cloudevents+json"));
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsStringAsync(Token);
    }

    public Task PublishedAsync(Func<IReadOnlyList<ScriptedSidecar.Published>, bool> condition) =>
        Sidecar.UntilAsync(() => condition(Sidecar.Messages)).WaitAsync(TimeSpan.FromSeconds(20), Token);

    public Task<string> SubscriptionsAsync() => _client.GetStringAsync("/dapr/subscribe", Token);

    public Task StopAsync() => _app.StopAsync(Token);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _client.Dispose();
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }

    /// <summary>Goes down and leaves the ledger where it lies.</summary>
    public async Task<string> LeaveAsync()
    {
        var kept = Folder + "-kept";
        await _app.DisposeAsync();
        Directory.Move(Folder, kept);
        return kept;
    }
}
