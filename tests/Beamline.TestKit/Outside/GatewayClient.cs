using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Beamline.TestKit.Outside;

/// <summary>A client that behaves as the contract asks: it repeats a submit with the same ids until it is answered.</summary>
public sealed class GatewayClient(Uri gateway) : IDisposable
{
    /// <summary>The tenant of every assignment.</summary>
    public const string Tenant = "e2e";

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _http = new() { BaseAddress = gateway, Timeout = TimeSpan.FromSeconds(70) };

    public HttpClient Http => _http;

    public static JsonObject Assignment(string id, JsonObject job) => new()
    {
        ["version"] = "1",
        ["assignment_id"] = id,
        ["request_id"] = "req-" + id,
        ["tenant_id"] = Tenant,
        ["executor"] = new JsonObject { ["provider_id"] = "e2e" },
        ["job"] = job,
    };

    /// <summary>One submit, whatever the answer.</summary>
    public async Task<HttpResponseMessage> PostAsync(JsonObject assignment, bool wait, CancellationToken cancellation)
    {
        using var content = new StringContent(assignment.ToJsonString(), Encoding.UTF8, "application/json");
        return await _http.PostAsync(new Uri(wait ? "/v1/tasks?wait=20" : "/v1/tasks", UriKind.Relative), content, cancellation);
    }

    /// <summary>Submits until the task is accepted, through refused connections and 5xx. The ExecResult's text, where the answer was one.</summary>
    public async Task<string?> SubmitAsync(JsonObject assignment, bool wait, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                using var answer = await PostAsync(assignment, wait, cancellation);
                var text = await answer.Content.ReadAsStringAsync(cancellation);
                if (answer.IsSuccessStatusCode)
                {
                    return answer.StatusCode == HttpStatusCode.OK ? text : null;
                }

                if ((int)answer.StatusCode < 500)
                {
                    throw new InvalidOperationException($"{(int)answer.StatusCode}: {text}");
                }
            }
            catch (Exception failure) when (failure is HttpRequestException or SocketException)
            {
                // The gateway is dead or about to be started again.
            }

            await Task.Delay(Between, TimeProvider.System, cancellation);
        }
    }

    /// <summary>The ExecResult's exact text, asked for until there is one.</summary>
    public async Task<string> ResultAsync(string id, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                using var answer = await _http.GetAsync(new Uri($"/v1/tasks/{id}?tenant_id=e2e&wait=20", UriKind.Relative), cancellation);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    using var task = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellation));
                    if (task.RootElement.TryGetProperty("result", out var result))
                    {
                        return result.GetRawText();
                    }
                }
            }
            catch (Exception failure) when (failure is HttpRequestException or SocketException)
            {
                // As above.
            }

            await Task.Delay(Between, TimeProvider.System, cancellation);
        }
    }

    public void Dispose() => _http.Dispose();
}
