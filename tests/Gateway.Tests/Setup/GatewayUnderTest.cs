using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Beamline.DaprAccess;
using Beamline.Observability;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Beamline.Gateway.Tests.Setup;

/// <summary>The real gateway on Kestrel at a free port, with a scripted scheduler behind its Dapr client.</summary>
internal sealed class GatewayUnderTest : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GatewayUnderTest(WebApplication app, ScriptedScheduler scheduler) =>
        (_app, Scheduler, Client) = (app, scheduler, new HttpClient { BaseAddress = new Uri(app.Urls.First()) });

    public ScriptedScheduler Scheduler { get; }

    public HttpClient Client { get; }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static Task<GatewayUnderTest> StartAsync(params (string Key, string Value)[] settings)
    {
        var scheduler = new ScriptedScheduler();
        return StartAsync(scheduler, () => scheduler, settings);
    }

    /// <param name="scheduler">Behind whatever the sidecar is.</param>
    /// <param name="sidecar">The sidecar.</param>
    /// <param name="settings">Of the section Gateway.</param>
    public static async Task<GatewayUnderTest> StartAsync(ScriptedScheduler scheduler, Func<HttpMessageHandler> sidecar, params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create($"Gateway:{setting.Key}", (string?)setting.Value)));
        builder.AddBeamline("gateway");
        builder.Logging.ClearProviders();
        builder.WebHost.UseSetting(WebHostDefaults.ServerUrlsKey, "http://127.0.0.1:0");
        builder.Services.AddDaprClient(options => options.PrimaryHandlerFactory = sidecar);
        builder.Services.AddGateway(builder.Configuration);
        var app = builder.Build();
        app.MapBeamline();
        app.MapGateway();
        await app.StartAsync(Ct);
        return new GatewayUnderTest(app, scheduler);
    }

    public Task<Answer> SubmitAsync(string body, string query = "", params (string Name, string Value)[] headers) =>
        PostAsync("/v1/tasks" + query, Encoding.UTF8.GetBytes(body), headers);

    public Task<Answer> BatchAsync(string body, string query = "", params (string Name, string Value)[] headers) =>
        PostAsync("/v1/tasks:batch" + query, Encoding.UTF8.GetBytes(body), headers);

    public async Task<Answer> PostAsync(string path, byte[] body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return await SendAsync(request, headers);
    }

    public async Task<Answer> GetAsync(string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await SendAsync(request, headers);
    }

    public async Task<Answer> DeleteAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, path);
        return await SendAsync(request, []);
    }

    public async Task<Answer> SendAsync(HttpRequestMessage request, (string Name, string Value)[] headers)
    {
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await Client.SendAsync(request, Ct);
        return new Answer(
            response.StatusCode, await response.Content.ReadAsStringAsync(Ct), response.Content.Headers.ContentType?.MediaType,
            response.Headers.Location?.OriginalString, response.Headers.RetryAfter?.Delta);
    }

    public Task StopAsync() => _app.StopAsync(Ct);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}

/// <summary>What came back.</summary>
internal sealed record Answer(HttpStatusCode Status, string Body, string? MediaType, string? Location, TimeSpan? RetryAfter)
{
    public JsonElement Json => JsonElement.Parse(Body);

    public IReadOnlyList<JsonElement> Lines => [.. Body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];

    /// <summary>The faults of a problem document, as "field number".</summary>
    public IEnumerable<string> Faults => Json.GetProperty("errors").EnumerateArray()
        .Select(error => $"{(error.TryGetProperty("field", out var name) ? name.GetString() : "-")} {error.GetProperty("number").GetInt32()}");

    public string Text(string name) => Json.GetProperty(name).GetString()!;
}

internal static class Bodies
{
    public static string Hash(string more = "") =>
        $$"""{{{more}}"version":"1","executor":{"provider_id":"local"},"job":{"type":"crypto.hash","content":"x"} }""";

    public static string HashOf(string id, string tenant = "t") => Hash($"\"assignment_id\":\"{id}\",\"request_id\":\"r\",\"tenant_id\":\"{tenant}\",");
}
