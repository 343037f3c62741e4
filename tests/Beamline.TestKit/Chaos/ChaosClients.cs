using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Beamline.TestKit.Outside;
using Beamline.TestKit.Processes;

namespace Beamline.TestKit.Chaos;

/// <summary>
/// The load: starts tasks at a fixed rate whatever becomes of those before, and follows each from its submit until a GET has
/// told its result. Clients behave as the contract asks: they repeat a submit with the same ids until it is answered.
/// </summary>
public sealed class ChaosClients(PlatformProcesses platform, Journal journal, ChaosMix mix, TimeProvider time) : IDisposable
{
    // At 200 a second, ten seconds without an end. Above it the load waits: a platform that is behind is not buried.
    private const int MaxOpen = 2_000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // How long a client listens on the bus before it asks.
    private static readonly TimeSpan BusPatience = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http = new() { BaseAddress = platform.Gateway, Timeout = TimeSpan.FromSeconds(30) };

    // What the bus still owes: the result, and the last event.
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _results = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _lastEvents = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _open = new(MaxOpen);
    private int _started;

    /// <summary>Told of each end: the task, and when it was sent (by the clock's timestamp).</summary>
    public event Action<ChaosTask, long>? Ended;

    public int Started => _started;

    /// <summary>Tasks of which the bus has not delivered the result or the last event yet.</summary>
    public HashSet<string> Owed() => [.. _results.Keys, .. _lastEvents.Keys];

    /// <summary>Starts tasks until the token fires; then waits until all have ended everywhere, or for <paramref name="patience"/>.</summary>
    public async Task RunAsync(int perSecond, TimeSpan patience, CancellationToken until)
    {
        using var deadline = new CancellationTokenSource();
        var flows = new ConcurrentDictionary<int, Task>();
        var start = time.GetTimestamp();
        for (var number = 0; !until.IsCancellationRequested; number++)
        {
            if (start + (number * time.TimestampFrequency / perSecond) - time.GetTimestamp() is > 0 and var early)
            {
                await Task.Delay(TimeSpan.FromSeconds((double)early / time.TimestampFrequency), time, CancellationToken.None);
            }

            if (!await RoomAsync(until))
            {
                break;
            }

            var key = number;
            flows[key] = Task.Run(() => FollowAllAsync(key, deadline.Token), CancellationToken.None);
            // What failed stays, and is thrown at the end: a bug of the harness.
            _ = flows[key].ContinueWith(
                _ => flows.TryRemove(key, out var _), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        }

        deadline.CancelAfter(patience);
        await Task.WhenAll(flows.Values);
        while (!deadline.IsCancellationRequested && !(_results.IsEmpty && _lastEvents.IsEmpty))
        {
            await Task.Delay(FirstPause, time, CancellationToken.None);
        }
    }

    /// <summary>A message came over the bus.</summary>
    public void OnDelivered(Fact fact)
    {
        ArgumentNullException.ThrowIfNull(fact);
        if (fact.Kind == FactKinds.Result && _results.TryRemove(fact.Id!, out var waiting))
        {
            waiting.TrySetResult();
        }
        else if (fact.Kind == FactKinds.Final)
        {
            _lastEvents.TryRemove(fact.Id!, out _);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _open.Dispose();
    }

    private async Task<bool> RoomAsync(CancellationToken until)
    {
        try
        {
            await _open.WaitAsync(until);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task FollowAllAsync(int number, CancellationToken deadline)
    {
        try
        {
            await Task.WhenAll(mix.Tasks(number).Select(task => FollowAsync(task, deadline)));
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            // The journal lacks what did not come: the judge says so.
        }
        finally
        {
            _open.Release();
        }
    }

    private async Task FollowAsync(ChaosTask task, CancellationToken deadline)
    {
        var published = _results[task.Id] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _lastEvents[task.Id] = true;
        await journal.WriteAsync(task.Opening);
        Interlocked.Increment(ref _started);
        var sent = time.GetTimestamp();
        await SubmitAsync(task, deadline);
        if (task.Cancelled is { } way)
        {
            await CancelAsync(task.Id, way, deadline);
        }

        await WaitAsync(published.Task, deadline);
        await AskAsync(task, deadline);
        Ended?.Invoke(task, sent);
    }

    private async Task SubmitAsync(ChaosTask task, CancellationToken deadline)
    {
        var body = task.Body();
        await Task.WhenAll(task.Way switch
        {
            Way.Bus => [PublishAsync(task.Id, "caf.exec.assign.v1", body, deadline)],
            Way.Both => [PublishAsync(task.Id, "caf.exec.assign.v1", body, deadline), PostAsync(task, body, "/v1/tasks", deadline)],
            Way.GatewayTwice => [PostAsync(task, body, "/v1/tasks", deadline), PostAsync(task, body, "/v1/tasks", deadline)],
            Way.GatewayWaiting => [PostAsync(task, body, "/v1/tasks?wait=20", deadline)],
            _ => [PostAsync(task, body, "/v1/tasks", deadline)],
        });
    }

    private Task PostAsync(ChaosTask task, string body, string path, CancellationToken deadline) => InsistAsync(async () =>
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _http.PostAsync(new Uri(path, UriKind.Relative), content, deadline);
        var text = await answer.Content.ReadAsStringAsync(deadline);
        if (answer.IsSuccessStatusCode)
        {
            await journal.NoteAsync(new Fact { Kind = FactKinds.Accepted, Id = task.Id, Via = "gateway" });
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                await NoteResultAsync(task, "wait", text);
            }

            return true;
        }

        if ((int)answer.StatusCode is >= 400 and < 500 and not 429)
        {
            await journal.NoteAsync(new Fact { Kind = FactKinds.Refused, Id = task.Id, Via = "gateway", Reason = $"{(int)answer.StatusCode} {text}" });
            return true;
        }

        return false;
    }, deadline);

    private Task PublishAsync(string id, string topic, string body, CancellationToken deadline) => InsistAsync(async () =>
    {
        await RouterApp.PublishAsync(platform, topic, body, deadline);
        if (topic == "caf.exec.assign.v1")
        {
            await journal.NoteAsync(new Fact { Kind = FactKinds.Accepted, Id = id, Via = "bus" });
        }

        return true;
    }, deadline);

    private async Task CancelAsync(string id, Way way, CancellationToken deadline)
    {
        await journal.WriteAsync(new Fact { Kind = FactKinds.Cancelling, Id = id, Via = way.ToString() });
        if (way == Way.Bus)
        {
            var cancel = new JsonObject { ["assignment_id"] = id, ["tenant_id"] = GatewayClient.Tenant, ["requested_at"] = time.GetUtcNow().ToUnixTimeMilliseconds() };
            await PublishAsync(id, "caf.exec.cancel.v1", cancel.ToJsonString(), deadline);
            return;
        }

        await InsistAsync(async () =>
        {
            using var answer = await _http.DeleteAsync(new Uri($"/v1/tasks/{id}?tenant_id={GatewayClient.Tenant}", UriKind.Relative), deadline);
            return answer.IsSuccessStatusCode;
        }, deadline);
    }

    private async Task WaitAsync(Task published, CancellationToken deadline)
    {
        try
        {
            await published.WaitAsync(BusPatience, time, deadline);
        }
        catch (TimeoutException)
        {
            // Asked for by GET then; the judge misses it on the bus if it never comes.
        }
    }

    private Task AskAsync(ChaosTask task, CancellationToken deadline) => InsistAsync(async () =>
    {
        using var answer = await _http.GetAsync(new Uri($"/v1/tasks/{task.Id}?tenant_id={GatewayClient.Tenant}&wait=20", UriKind.Relative), deadline);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            return false;
        }

        using var found = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(deadline));
        if (!found.RootElement.TryGetProperty("result", out var result) || result.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        await NoteResultAsync(task, "get", result.GetRawText());
        return true;
    }, deadline);

    private ValueTask NoteResultAsync(ChaosTask task, string via, string text)
    {
        var result = JsonNode.Parse(text)!;
        var fact = ResultFact(result, via, Encoding.UTF8.GetBytes(text));
        var wrong = fact.Status == "success" && !task.IsRight(result["result"]!);
        return journal.NoteAsync(wrong ? fact with { Fault = result["result"]!.ToJsonString() } : fact);
    }

    /// <summary>What the journal keeps of an ExecResult.</summary>
    internal static Fact ResultFact(JsonNode result, string via, byte[] bytes) => new()
    {
        Kind = FactKinds.Result,
        Id = RouterApp.IdOf(result),
        Via = via,
        Status = result["status"]!.GetValue<string>(),
        Reason = result["error"] is { } error ? error["details"]?["reason"]?.GetValue<string>() ?? error["message"]?.GetValue<string>() : null,
        Delivery = result["metadata"]?["delivery"]?.GetValue<int>(),
        Retry = result["retries_used"]?.GetValue<int>(),
        Hash = Convert.ToHexStringLower(SHA256.HashData(bytes)),
    };

    // Until it has worked, through refused connections, cut answers, time-outs and 5xx.
    private async Task InsistAsync(Func<Task<bool>> attempt, CancellationToken deadline)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                if (await attempt())
                {
                    return;
                }
            }
            catch (Exception failure) when (failure is HttpRequestException or IOException or SocketException // (thrown bare by HttpClient when the peer dies while it connects)
                || (failure is OperationCanceledException && !deadline.IsCancellationRequested))
            {
                // A process is dead or about to be started again.
            }

            await Task.Delay(pause, time, deadline);
        }
    }
}
