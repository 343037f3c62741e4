using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.DaprAccess;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Waiting;

/// <summary>
/// Holds this replica's one stream of results open and wakes the waiting clients from it. Whatever ended while it was not open is
/// asked for as soon as it is: the stream's first line says that it is registered, so nothing falls between the two.
/// </summary>
internal sealed class WatchFeed(
    DaprClient dapr, ResultWaits waits, WatcherIdentity watcher, IOptions<GatewayOptions> options, TimeProvider time, ILogger<WatchFeed> logger)
    : BackgroundService
{
    private const int MaxKeysPerQuestion = 10_000;

    // A line packs many results; the scheduler cuts its batches at 2 MiB, and one result may take 512 KiB beyond that.
    private const int MaxLineBytes = 2 * WireLimits.MaxBatchBytes;
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(100);
    private readonly Random _random = new();
    private volatile bool _open;

    /// <summary>True while the stream is open.</summary>
    public bool IsOpen => _open;

    /// <summary>Asks for tasks once; what has ended wakes who waits for it.</summary>
    /// <returns>The tasks that the scheduler does not know.</returns>
    /// <exception cref="DaprException">No scheduler answers.</exception>
    public async Task<IReadOnlyList<TaskKey>> AskAsync(IReadOnlyList<TaskKey> tasks, CancellationToken ct)
    {
        List<TaskKey> unknown = [];
        foreach (var keys in tasks.Chunk(MaxKeysPerQuestion))
        {
            var answer = await dapr.InvokeMethodAsync(
                AppIds.Scheduler, SchedulerMethods.WaitTasks, new WaitTasksRequest { Watcher = watcher.Id, Tasks = keys },
                BeamlineJson.Default.WaitTasksRequest, BeamlineJson.Default.WaitTasksResponse, ct).ConfigureAwait(false);
            foreach (var ended in answer.Ended)
            {
                waits.End(new TaskKey(ended.TenantId, ended.AssignmentId), ended.Result);
            }

            unknown.AddRange(answer.Unknown);
        }

        return unknown;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(KeepOpenAsync(stoppingToken), KeepAskingAsync(stoppingToken));

    private async Task KeepOpenAsync(CancellationToken ct)
    {
        var backoff = FirstBackoff;
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(ct).ConfigureAwait(false);
                logger.StreamEnded();
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception broken) when (broken is DaprException or HttpRequestException or IOException or JsonException or OperationCanceledException)
            {
                // Said once a break, not once a try.
                if (_open || backoff == FirstBackoff)
                {
                    logger.StreamBroken(broken.Message);
                }
            }

            backoff = _open ? FirstBackoff : TimeSpan.FromTicks(Math.Min(backoff.Ticks * 2, options.Value.WatchMaxBackoff.Ticks));
            _open = false;
            await DelayAsync(backoff * (0.5 + (_random.NextDouble() / 2)), ct).ConfigureAwait(false);
        }
    }

    private async Task FollowAsync(CancellationToken ct)
    {
        using var silence = new CancellationTokenSource(options.Value.WatchSilence, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, ct);
        using var response = await dapr.InvokeMethodStreamAsync(
            AppIds.Scheduler, SchedulerMethods.WatchTasks, new WatchTasksRequest(watcher.Id), BeamlineJson.Default.WatchTasksRequest, either.Token).ConfigureAwait(false);
        var reader = PipeReader.Create(await response.Content.ReadAsStreamAsync(either.Token).ConfigureAwait(false), new StreamPipeReaderOptions(bufferSize: 64 * 1024));
        var asking = Task.CompletedTask;
        try
        {
            while (await NextLineAsync(reader, either.Token).ConfigureAwait(false) is { } line)
            {
                silence.CancelAfter(options.Value.WatchSilence);
                if (line.Length > 0 && WatchLineReader.Read(line, waits.End))
                {
                    _open = true;
                    logger.StreamOpened();
                    await asking.ConfigureAwait(false);
                    asking = AskQuietlyAsync(waits.Awaited(), either.Token);
                }
            }
        }
        finally
        {
            await reader.CompleteAsync().ConfigureAwait(false);
            await either.CancelAsync().ConfigureAwait(false);
            await asking.ConfigureAwait(false);
        }
    }

    /// <summary>A line of its own memory, since clients keep slices of it; null at the end of the stream.</summary>
    private static async ValueTask<ReadOnlyMemory<byte>?> NextLineAsync(PipeReader reader, CancellationToken ct)
    {
        while (true)
        {
            var read = await reader.ReadAsync(ct).ConfigureAwait(false);
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = read.Buffer.Slice(0, end).ToArray();
                reader.AdvanceTo(read.Buffer.GetPosition(1, end));
                return line;
            }

            if (read.IsCompleted)
            {
                return null;
            }

            if (read.Buffer.Length > MaxLineBytes)
            {
                throw new JsonException($"A watch line takes more than {MaxLineBytes} bytes.");
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>Tasks that went over the bus are unknown until the scheduler has taken them from it.</summary>
    private async Task KeepAskingAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            await DelayAsync(options.Value.AskAgain, ct).ConfigureAwait(false);
            if (waits.TakeUnsure() is { Count: > 0 } unsure)
            {
                await AskQuietlyAsync(unsure, ct).ConfigureAwait(false);
            }
        }
    }

    private async Task AskQuietlyAsync(IReadOnlyList<TaskKey> tasks, CancellationToken ct)
    {
        if (tasks.Count == 0)
        {
            return;
        }

        IReadOnlyList<TaskKey> unsure = tasks;
        try
        {
            using var timeout = new CancellationTokenSource(options.Value.ReadTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ct);
            unsure = await AskAsync(tasks, either.Token).ConfigureAwait(false);
        }
        catch (Exception away) when (away is DaprException or OperationCanceledException)
        {
            // All of them stay unsure, and are asked for again.
        }

        foreach (var task in unsure)
        {
            waits.MarkUnsure(task);
        }
    }

    private async Task DelayAsync(TimeSpan delay, CancellationToken ct)
    {
        try
        {
            await Task.Delay(delay, time, ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The loops look at the token themselves.
        }
    }
}
