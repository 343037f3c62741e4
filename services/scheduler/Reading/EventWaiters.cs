using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Watching;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Reading;

/// <summary>Wakes held tasks/events calls when their task's next event is committed. Bounded: who finds no place is not held.</summary>
internal sealed class EventWaiters(IOptions<WatchOptions> options) : ICommitListener
{
    private readonly Lock _lock = new(); // guards the fields below
    private readonly Dictionary<long, List<TaskCompletionSource>> _byTask = [];
    private int _count;
    private bool _closed;

    /// <summary>Arms a waiter before the events are read, so that none slips through in between. Null when there is no room.</summary>
    public EventWaiter? Arm(long taskId)
    {
        lock (_lock)
        {
            if (_closed || _count >= options.Value.HeldCalls)
            {
                return null;
            }

            var woken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!_byTask.TryGetValue(taskId, out var waiting))
            {
                _byTask.Add(taskId, waiting = []);
            }

            waiting.Add(woken);
            _count++;
            return new EventWaiter(this, taskId, woken);
        }
    }

    public void OnCommitted(CommittedBatch batch)
    {
        lock (_lock)
        {
            if (_count == 0)
            {
                return;
            }

            foreach (var row in batch.Events)
            {
                if (_byTask.TryGetValue(row.TaskId, out var waiting))
                {
                    waiting.ForEach(each => each.TrySetResult());
                }
            }
        }
    }

    /// <summary>Answers all held calls, and holds no more: for shutdown.</summary>
    public void CloseAll()
    {
        lock (_lock)
        {
            _closed = true;
            foreach (var waiting in _byTask.Values)
            {
                waiting.ForEach(each => each.TrySetResult());
            }
        }
    }

    internal void Remove(long taskId, TaskCompletionSource woken)
    {
        lock (_lock)
        {
            var waiting = _byTask[taskId];
            waiting.Remove(woken);
            _count--;
            if (waiting.Count == 0)
            {
                _byTask.Remove(taskId);
            }
        }
    }
}

/// <summary>One held call's place. Dispose it when the call is answered.</summary>
internal sealed class EventWaiter(EventWaiters owner, long taskId, TaskCompletionSource woken) : IDisposable
{
    /// <summary>Completes when the task has a new event.</summary>
    public Task Woken => woken.Task;

    public void Dispose() => owner.Remove(taskId, woken);
}
