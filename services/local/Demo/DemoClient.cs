using System.Net;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Beamline.Local.Demo;

/// <summary>
/// A client of the gateway's HTTP API as any outsider would write one: no Beamline type takes part, so that the demo
/// also checks the wire.
/// </summary>
internal sealed class DemoClient(HttpClient http)
{
    /// <summary>Submits; the assignment id that the gateway made.</summary>
    /// <exception cref="DemoException">The gateway did not accept it.</exception>
    public async Task<string> SubmitAsync(JsonObject job, CancellationToken cancellation)
    {
        var body = new JsonObject
        {
            ["version"] = "1",
            ["executor"] = new JsonObject { ["provider_id"] = "demo" },
            ["job"] = job.DeepClone(),
        };
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri("/v1/tasks", UriKind.Relative), content, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        if (answer.StatusCode != HttpStatusCode.Accepted)
        {
            throw new DemoException($"POST /v1/tasks answered {(int)answer.StatusCode}: {text}");
        }

        return JsonNode.Parse(text)!["assignment_id"]!.GetValue<string>();
    }

    /// <summary>The types of the task's events as they come, until the stream ends with the task.</summary>
    public async IAsyncEnumerable<string> EventsAsync(string id, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"/v1/tasks/{id}/events", UriKind.Relative));
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            throw new DemoException($"GET /v1/tasks/{id}/events answered {(int)answer.StatusCode}");
        }

        await using var stream = await answer.Content.ReadAsStreamAsync(cancellation);
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(cancellation))
        {
            if (!string.IsNullOrEmpty(item.Data))
            {
                yield return JsonNode.Parse(item.Data)!["type"]!.GetValue<string>();
            }
        }
    }

    /// <summary>The ExecResult, waited for.</summary>
    public async Task<JsonNode> ResultAsync(string id, CancellationToken cancellation)
    {
        while (true)
        {
            using var answer = await http.GetAsync(new Uri($"/v1/tasks/{id}?wait=30", UriKind.Relative), cancellation);
            var text = await answer.Content.ReadAsStringAsync(cancellation);
            if (!answer.IsSuccessStatusCode)
            {
                throw new DemoException($"GET /v1/tasks/{id} answered {(int)answer.StatusCode}: {text}");
            }

            if (JsonNode.Parse(text)!["result"] is { } result)
            {
                return result;
            }
        }
    }

    public async Task ApproveAsync(string id, string approver, CancellationToken cancellation)
    {
        using var content = new StringContent(new JsonObject { ["approved"] = true, ["approver"] = approver }.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri($"/v1/approvals/{id}", UriKind.Relative), content, cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            throw new DemoException($"POST /v1/approvals/{id} answered {(int)answer.StatusCode}");
        }
    }

    public async Task CancelAsync(string id, CancellationToken cancellation)
    {
        using var answer = await http.DeleteAsync(new Uri($"/v1/tasks/{id}", UriKind.Relative), cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            throw new DemoException($"DELETE /v1/tasks/{id} answered {(int)answer.StatusCode}");
        }
    }
}

/// <summary>The gateway answered what the demo did not expect; the message says what.</summary>
internal sealed class DemoException(string message) : Exception(message);
