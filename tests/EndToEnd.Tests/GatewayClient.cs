using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Beamline.EndToEnd.Tests;

/// <summary>A client that behaves as the contract asks: it repeats a submit with the same ids until it is answered.</summary>
public sealed class GatewayClient(Uri gateway) : IDisposable
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _http = new() { BaseAddress = gateway, Timeout = TimeSpan.FromSeconds(70) };

    public HttpClient Http => _http;

    public static JsonObject Assignment(string id, JsonObject job) => new()
    {
        ["version"] = "1",
        ["assignment_id"] = id,
        ["request_id"] = "req-" + id,
        ["tenant_id"] = "e2e",
        ["executor"] = new JsonObject { ["provider_id"] = "e2e" },
        ["job"] = job,
    };

    /// <summary>Submits until the answer is 202, through refused connections and 5xx.</summary>
    public async Task SubmitAsync(JsonObject assignment, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                using var content = new StringContent(assignment.ToJsonString(), Encoding.UTF8, "application/json");
                using var answer = await _http.PostAsync(new Uri("/v1/tasks", UriKind.Relative), content, cancellation);
                if (answer.StatusCode == HttpStatusCode.Accepted)
                {
                    return;
                }

                if ((int)answer.StatusCode < 500)
                {
                    throw new InvalidOperationException($"{(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellation)}");
                }
            }
            catch (HttpRequestException)
            {
                // The gateway is dead or about to be started again.
            }

            await Task.Delay(Between, TimeProvider.System, cancellation);
        }
    }

    /// <summary>The ExecResult, asked for until there is one.</summary>
    public async Task<JsonNode> ResultAsync(string id, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                using var answer = await _http.GetAsync(new Uri($"/v1/tasks/{id}?tenant_id=e2e&wait=20", UriKind.Relative), cancellation);
                if (answer.StatusCode == HttpStatusCode.OK && JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellation))!["result"] is { } result)
                {
                    return result;
                }
            }
            catch (HttpRequestException)
            {
                // As above.
            }

            await Task.Delay(Between, TimeProvider.System, cancellation);
        }
    }

    public void Dispose() => _http.Dispose();
}
