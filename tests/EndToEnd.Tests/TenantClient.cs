using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Beamline.EndToEnd.Tests;

/// <summary>One tenant at the gateway: names itself in everything that it sends and asks.</summary>
internal sealed class TenantClient(Uri gateway, string tenant, CancellationToken patience) : IDisposable
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);

    /// <summary>A not_before that no test lives to see.</summary>
    public static readonly long FarAway = new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private readonly HttpClient _http = new() { BaseAddress = gateway, Timeout = TimeSpan.FromSeconds(70) };

    public string Tenant => tenant;

    public HttpClient Http => _http;

    public static JsonObject Hash(string content) => new() { ["type"] = "crypto.hash", ["algorithm"] = "sha256", ["content"] = content };

    public static JsonObject Question() => new() { ["type"] = "human.approval", ["prompt"] = "Pay?", ["approvers"] = new JsonArray("ann"), ["timeout_ms"] = 600_000 };

    /// <summary>A whole assignment; the ids are left out where <paramref name="id"/> is null.</summary>
    public JsonObject Assignment(string? id, JsonObject job, params (string Name, JsonNode Value)[] more)
    {
        var assignment = new JsonObject { ["version"] = "1", ["tenant_id"] = tenant, ["executor"] = new JsonObject { ["provider_id"] = "e2e" }, ["job"] = job };
        if (id is not null)
        {
            (assignment["assignment_id"], assignment["request_id"]) = (id, "req-" + id);
        }

        foreach (var (name, value) in more)
        {
            assignment[name] = value;
        }

        return assignment;
    }

    public Task<Told> SubmitAsync(JsonObject assignment, bool wait = false, string? key = null) =>
        SendAsync(HttpMethod.Post, wait ? "/v1/tasks?wait=30" : "/v1/tasks", assignment, key);

    /// <summary>Submits, waits, and wants a success.</summary>
    public async Task<JsonNode> RunAsync(string id, JsonObject job)
    {
        var told = await SubmitAsync(Assignment(id, job), wait: true);
        Assert.True(told.Status == HttpStatusCode.OK && told.Text("status") == "success", $"{told.Status} {told.Json}");
        return told.Json["result"]!;
    }

    /// <summary>Submits, waits, and wants an error.</summary>
    /// <returns>Its number.</returns>
    public async Task<int> FailAsync(string id, JsonObject job)
    {
        var told = await SubmitAsync(Assignment(id, job), wait: true);
        Assert.True(told.Status == HttpStatusCode.OK && told.Text("status") == "error", $"{told.Status} {told.Json}");
        return told.Json["error_code"]!.GetValue<int>();
    }

    public Task<Told> GetAsync(string path) => SendAsync(HttpMethod.Get, OfTenant(path), null);

    public Task<Told> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, OfTenant(path), null);

    public Task<Told> PostAsync(string path, JsonObject body) => SendAsync(HttpMethod.Post, OfTenant(path), body);

    /// <summary>Asks until the answer is as wanted; the test's patience bounds it.</summary>
    public async Task<Told> UntilAsync(string path, Func<Told, bool> wanted)
    {
        while (true)
        {
            var told = await GetAsync(path);
            if (wanted(told))
            {
                return told;
            }

            await Task.Delay(Between, TimeProvider.System, patience);
        }
    }

    /// <summary>
    /// Waits until the gateway hands to the scheduler what is submitted: for a moment after a restart it goes over the bus, and is
    /// answered <c>queued</c> whatever it is. What is for later is answered <c>parked</c> by a scheduler.
    /// </summary>
    public async Task DirectAsync()
    {
        while (true)
        {
            var id = "probe-" + Guid.NewGuid().ToString("n");
            var told = await SubmitAsync(Assignment(id, Hash("x"), ("not_before", FarAway)));
            await UntilAsync($"/v1/tasks/{id}", known => known.Status == HttpStatusCode.OK);
            await DeleteAsync($"/v1/tasks/{id}");
            if (told.Text("state") == "parked")
            {
                return;
            }
        }
    }

    /// <summary>The types of a task's events, once it has ended.</summary>
    public async Task<string[]> EventsAsync(string id)
    {
        var stream = await _http.GetStringAsync(new Uri(OfTenant($"/v1/tasks/{id}/events"), UriKind.Relative), patience);
        return [.. stream.Split('\n').Where(line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(line => line["event: ".Length..])];
    }

    public void Dispose() => _http.Dispose();

    private string OfTenant(string path) => path + (path.Contains('?', StringComparison.Ordinal) ? '&' : '?') + "tenant_id=" + tenant;

    private async Task<Told> SendAsync(HttpMethod method, string path, JsonObject? body, string? key = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        using var answer = await _http.SendAsync(request, patience);
        var text = await answer.Content.ReadAsStringAsync(patience);
        return new Told(answer.StatusCode, JsonNode.Parse(text) ?? new JsonObject(), answer.Headers.RetryAfter?.Delta);
    }
}

/// <summary>What the gateway answered.</summary>
internal sealed record Told(HttpStatusCode Status, JsonNode Json, TimeSpan? RetryAfter)
{
    public string? Text(string name) => Json[name]?.GetValue<string>();
}
