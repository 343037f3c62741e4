using System.Text.Json.Nodes;

namespace Beamline.Local.Demo;

/// <summary>Submits the demo's tasks, follows each through its events, and judges the results.</summary>
/// <param name="client">Speaks to the gateway.</param>
/// <param name="onEvent">Told of every step in a task's life, from any thread.</param>
internal sealed class DemoRun(DemoClient client, Action<DemoTask, string> onEvent)
{
    /// <summary>No task of the demo may take longer, queueing included: beyond this the demo fails instead of hanging.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs all tasks at once, save those that come after another.</summary>
    public async Task<IReadOnlyList<DemoOutcome>> RunAsync(IReadOnlyList<DemoTask> tasks, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        var running = new Dictionary<string, Task<DemoOutcome>>(StringComparer.Ordinal);
        foreach (var task in tasks)
        {
            running[task.Name] = RunOneAsync(task, task.After is { } first ? running[first] : Task.CompletedTask, linked.Token);
        }

        return await Task.WhenAll(tasks.Select(task => running[task.Name]));
    }

    private async Task<DemoOutcome> RunOneAsync(DemoTask task, Task before, CancellationToken cancellation)
    {
        try
        {
            await before;
            var id = await client.SubmitAsync(task.Job, cancellation);
            var seen = await FollowAsync(task, id, cancellation);
            return Judge(task, await client.ResultAsync(id, cancellation), seen);
        }
        catch (Exception exception) when (exception is DemoException or HttpRequestException or IOException or OperationCanceledException)
        {
            var why = exception is OperationCanceledException ? "no result in time" : exception.Message;
            onEvent(task, "failed");
            return new DemoOutcome(task, "none", "-", 0, 0, why);
        }
    }

    private async Task<HashSet<string>> FollowAsync(DemoTask task, string id, CancellationToken cancellation)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var type in client.EventsAsync(id, cancellation))
        {
            onEvent(task, type);
            seen.Add(type);
            if (type == "started" && task.CancelWhenStarted)
            {
                await client.CancelAsync(id, cancellation);
            }

            if (type == "approval_needed" && task.ApprovedBy is { } person)
            {
                await client.ApproveAsync(id, person, cancellation);
            }
        }

        return seen;
    }

    private static DemoOutcome Judge(DemoTask task, JsonNode result, HashSet<string> seen)
    {
        var difference = task.Judge(result);
        if (difference is null && task.ExpectedEvent is { } expected && !seen.Contains(expected))
        {
            difference = $"no event {expected}";
        }

        return new DemoOutcome(
            task,
            result["status"]?.GetValue<string>() ?? "none",
            result["metadata"]?["pool"]?.GetValue<string>() ?? "-",
            result["latency_ms"]?.GetValue<long>() ?? 0,
            result["retries_used"]?.GetValue<int>() ?? 0,
            difference);
    }
}
