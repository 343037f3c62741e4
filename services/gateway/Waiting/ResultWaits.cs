using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Waiting;

/// <summary>This replica's name towards the scheduler, new at each start.</summary>
internal sealed class WatcherIdentity
{
    public string Id { get; } = "gateway-" + Guid.NewGuid().ToString("N");
}

/// <summary>A task of a wait has ended; <see cref="Index"/> is its place in the wait.</summary>
internal readonly record struct EndedTask(int Index, RawJson Result);

/// <summary>
/// Who waits for which task. Register before the task is handed in: its result may arrive before the answer does.
/// Bounded by <see cref="GatewayOptions.MaxWaits"/>; beyond it no wait begins.
/// </summary>
internal sealed class ResultWaits(IOptions<GatewayOptions> options)
{
    private readonly Lock _lock = new();

    // Guarded by _lock. Several may wait for one task: they form a chain.
    private readonly Dictionary<TaskKey, Waiter> _waiters = [];
    private readonly HashSet<TaskKey> _unsure = [];
    private int _count;

    /// <summary>Tasks that are waited for, each as often as someone waits.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _count;
            }
        }
    }

    /// <summary>False when too many wait already.</summary>
    public bool TryBegin(IReadOnlyList<TaskKey> tasks, [NotNullWhen(true)] out ResultWait? wait)
    {
        wait = null;
        lock (_lock)
        {
            if (_count + tasks.Count > options.Value.MaxWaits)
            {
                return false;
            }

            wait = new ResultWait(this, tasks);
            for (var i = 0; i < tasks.Count; i++)
            {
                _waiters.TryGetValue(tasks[i], out var others);
                _waiters[tasks[i]] = new Waiter(wait, i, others);
            }

            _count += tasks.Count;
            return true;
        }
    }

    /// <summary>Wakes who waits for the task.</summary>
    public void End(TaskKey task, RawJson result)
    {
        Waiter? waiter;
        lock (_lock)
        {
            if (!_waiters.Remove(task, out waiter))
            {
                return;
            }

            _unsure.Remove(task);
            for (var each = waiter; each is not null; each = each.Next)
            {
                _count--;
            }
        }

        for (; waiter is not null; waiter = waiter.Next)
        {
            waiter.Wait.Add(new EndedTask(waiter.Index, result));
        }
    }

    /// <summary>Every task that someone waits for.</summary>
    public IReadOnlyList<TaskKey> Awaited()
    {
        lock (_lock)
        {
            return [.. _waiters.Keys];
        }
    }

    /// <summary>The scheduler does not know the task yet: it is asked for again while someone waits.</summary>
    public void MarkUnsure(TaskKey task)
    {
        lock (_lock)
        {
            if (_waiters.ContainsKey(task))
            {
                _unsure.Add(task);
            }
        }
    }

    /// <summary>Hands out the tasks to be asked for again, once each.</summary>
    public IReadOnlyList<TaskKey> TakeUnsure()
    {
        lock (_lock)
        {
            TaskKey[] taken = [.. _unsure];
            _unsure.Clear();
            return taken;
        }
    }

    internal void Leave(ResultWait wait, IReadOnlyList<TaskKey> tasks)
    {
        lock (_lock)
        {
            foreach (var task in tasks)
            {
                Leave_NeedsLock(wait, task);
            }
        }
    }

    private void Leave_NeedsLock(ResultWait wait, TaskKey task)
    {
        if (!_waiters.TryGetValue(task, out var first))
        {
            return;
        }

        Waiter? kept = null;
        for (var each = first; each is not null; each = each.Next)
        {
            if (each.Wait == wait)
            {
                _count--;
            }
            else
            {
                kept = new Waiter(each.Wait, each.Index, kept);
            }
        }

        if (kept is not null)
        {
            _waiters[task] = kept;
            return;
        }

        _waiters.Remove(task);
        _unsure.Remove(task);
    }

    private sealed record Waiter(ResultWait Wait, int Index, Waiter? Next);
}

/// <summary>One client's wait for some tasks. Disposing it ends the interest.</summary>
internal sealed class ResultWait : IDisposable
{
    private readonly ResultWaits _waits;
    private readonly IReadOnlyList<TaskKey> _tasks;
    private readonly Channel<EndedTask> _ended;

    internal ResultWait(ResultWaits waits, IReadOnlyList<TaskKey> tasks)
    {
        (_waits, _tasks) = (waits, tasks);

        // Each place of the wait ends once, so this never fills up.
        _ended = Channel.CreateBounded<EndedTask>(new BoundedChannelOptions(Math.Max(1, tasks.Count)) { SingleReader = true });
    }

    /// <summary>The tasks in the order in which they end. It never completes by itself: the reader counts.</summary>
    public ChannelReader<EndedTask> Ended => _ended.Reader;

    /// <summary>The next task that ended, or null when the token was cancelled first.</summary>
    public async ValueTask<EndedTask?> NextAsync(CancellationToken ct)
    {
        try
        {
            return await _ended.Reader.ReadAsync(ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    public void Dispose() => _waits.Leave(this, _tasks);

    internal void Add(EndedTask ended) => _ended.Writer.TryWrite(ended);
}
