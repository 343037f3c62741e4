namespace Beamline.Scheduler.Lanes;

/// <summary>
/// Wakes one waiting loop; setting it while nobody waits is remembered once. One waiter at a time: the loop that owns it.
/// </summary>
internal sealed class Signal(TimeProvider time)
{
    private readonly Lock _lock = new(); // guards the two fields below
    private TaskCompletionSource? _waiter;
    private bool _set;

    public void Set()
    {
        TaskCompletionSource? waiter;
        lock (_lock)
        {
            _set = true;
            waiter = _waiter;
            _waiter = null;
        }

        waiter?.TrySetResult();
    }

    /// <summary>Returns true when set, which takes the signal, or false after <paramref name="longest"/>.</summary>
    public async Task<bool> WaitAsync(TimeSpan longest, CancellationToken ct)
    {
        TaskCompletionSource waiter;
        lock (_lock)
        {
            if (_set)
            {
                _set = false;
                return true;
            }

            // Whoever sets the signal must not run the loop on its own thread.
            waiter = _waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        if (longest == Timeout.InfiniteTimeSpan)
        {
            await waiter.Task.WaitAsync(ct).ConfigureAwait(false);
        }
        else
        {
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
            await Task.WhenAny(waiter.Task, Task.Delay(longest, time, timer.Token)).ConfigureAwait(false);
            await timer.CancelAsync().ConfigureAwait(false);
            ct.ThrowIfCancellationRequested();
        }

        lock (_lock)
        {
            _waiter = null;
            var set = _set;
            _set = false;
            return set;
        }
    }
}
