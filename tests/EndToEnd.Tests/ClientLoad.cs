using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;

namespace Beamline.EndToEnd.Tests;

/// <summary>A task that a client has submitted, and the exact result it was given.</summary>
public sealed record EndedTask(string Id, bool IsHttp, bool AtMostOnce, string Result);

/// <summary>
/// Sixteen clients, each with one task at a time: HTTP calls to the witness, hashes and matrix products; some wait in the
/// submit, some may run once only, and some publish on the bus instead of asking the gateway.
/// </summary>
internal sealed class ClientLoad(SharedPlatform platform, string name) : IDisposable
{
    private const int Clients = 16;

    private readonly ConcurrentQueue<EndedTask> _ended = new();
    private readonly GatewayClient _gateway = new(platform.Processes.Gateway);

    public int Count => _ended.Count;

    /// <summary>Runs until the signal, then until each client has its last result.</summary>
    public async Task<IReadOnlyList<EndedTask>> RunAsync(Task until, CancellationToken cancellation)
    {
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => RunClientAsync(client, until, cancellation)));
        return [.. _ended];
    }

    /// <summary>Returns when so many more tasks have ended.</summary>
    public async Task WaitForMoreAsync(int more, CancellationToken cancellation)
    {
        for (var goal = Count + more; Count < goal;)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, cancellation);
        }
    }

    public void Dispose() => _gateway.Dispose();

    private async Task RunClientAsync(int client, Task until, CancellationToken cancellation)
    {
        for (var n = 0; n == 0 || !until.IsCompleted; n++)
        {
            var id = $"{name}-{client}-{n}";
            var atMostOnce = client % 4 == 0;
            var job = JobOf(n);
            if (atMostOnce)
            {
                job["redelivery"] = "at_most_once";
            }

            var assignment = GatewayClient.Assignment(id, job);
            var answered = client % 8 == 7
                ? await PublishAsync(assignment, cancellation)
                : await _gateway.SubmitAsync(assignment, wait: client % 2 == 0, cancellation);
            var result = await _gateway.ResultAsync(id, cancellation);
            if (answered is not null)
            {
                Assert.Equal(result, answered);
            }

            _ended.Enqueue(new EndedTask(id, job["type"]!.GetValue<string>() == "http.request", atMostOnce, result));
        }
    }

    private JsonObject JobOf(int n) => (n % 4) switch
    {
        1 => new JsonObject { ["type"] = "crypto.hash", ["algorithm"] = "sha256", ["content"] = "abc" },
        3 => new JsonObject { ["type"] = "compute.matmul", ["a"] = Matrix(), ["b"] = Matrix() },
        _ => new JsonObject { ["type"] = "http.request", ["url"] = new Uri(platform.Witness.Address, "/seen").ToString() },
    };

    private static JsonObject Matrix() => new() { ["shape"] = new JsonArray(2, 2), ["data"] = new JsonArray(1, 2, 3, 4) };

    /// <summary>As a Router does: the same bytes until the bus has them.</summary>
    private async Task<string?> PublishAsync(JsonObject assignment, CancellationToken cancellation)
    {
        var body = assignment.ToJsonString();
        while (true)
        {
            try
            {
                await RouterApp.PublishAsync(platform.Processes, "caf.exec.assign.v1", body, cancellation);
                return null;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancellation);
            }
        }
    }
}
