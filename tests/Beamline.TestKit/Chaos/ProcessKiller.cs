using System.Diagnostics;
using System.Globalization;
using Beamline.Contracts;
using Beamline.TestKit.Processes;

namespace Beamline.TestKit.Chaos;

/// <summary>What became of one way to die.</summary>
public sealed record DeathCount(Death Death, int Kills, int Recoveries, TimeSpan LongestRecovery);

/// <summary>
/// Lets one process die in every way of its plan, again and again: it dies, is started again with the next point armed, has
/// recovered when a task that was sent after the death has ended, and dies again, by itself or by a kill.
/// </summary>
public sealed class ProcessKiller
{
    // SIGKILL, as a shell counts it.
    private const int Killed = 128 + 9;

    // A point may be passed rarely (keys are written in the background): then its turn comes again later, so often at most.
    private const int MaxMisses = 200;
    private const int LongestRandomPauseMs = 400;
    private static readonly TimeSpan PointPatience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RecoveryPatience = TimeSpan.FromSeconds(120);

    private readonly string _process;
    private readonly PlatformProcesses _platform;
    private readonly Journal _journal;
    private readonly SemaphoreSlim _starts;
    private readonly Random _random;
    private readonly TimeProvider _time;
    private readonly Queue<Death> _plan;
    private readonly Dictionary<Death, DeathCount> _counts = [];

    // Dead and not recovered yet, and since when.
    private readonly List<(Death Death, long Since)> _down = [];
    private volatile RecoveryWait? _recovery;
    private int _misses;

    /// <summary><paramref name="starts"/> says how many processes may start at once: starting takes the CPU that the others' recovery needs.</summary>
    public ProcessKiller(
        string process, IReadOnlyList<Death> plan, PlatformProcesses platform, Journal journal, SemaphoreSlim starts, Random random, TimeProvider time)
    {
        (_process, _platform, _journal, _starts, _random, _time) = (process, platform, journal, starts, random, time);
        _plan = new(plan);
        foreach (var death in plan.Distinct())
        {
            _counts[death] = new DeathCount(death, 0, 0, TimeSpan.Zero);
        }
    }

    /// <summary>For who runs after <see cref="RunAsync"/>.</summary>
    public IReadOnlyCollection<DeathCount> Counts => _counts.Values;

    /// <summary>A task that was sent at the timestamp <paramref name="sent"/> has ended.</summary>
    public void OnEnded(ChaosTask task, long sent)
    {
        ArgumentNullException.ThrowIfNull(task);
        var passesHere = _process switch
        {
            "io-executor" => task.Pool == Pools.Io,
            "cpu-executor" => task.Pool == Pools.Cpu,
            "gpu-executor" => task.Pool == Pools.Gpu,
            _ => true,
        };
        if (passesHere && _recovery is { } recovery && sent >= recovery.DeadSince)
        {
            recovery.Seen.TrySetResult();
        }
    }

    /// <summary>Runs the plan; at the end the process runs and no point of it is armed.</summary>
    /// <exception cref="InvalidOperationException">The process did not start again, did not recover, or died of something else.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        Death? armed = null;
        while (armed is not null || _plan.Count > 0)
        {
            await DieAsync(armed, cancellation);
            armed = await StartAsync(cancellation);
            await RecoverAsync(cancellation);
            if (armed is null && _platform[_process].HasExited)
            {
                throw new UnreachableException($"{_process} ended by itself with {_platform[_process].ExitCode}. Its last output:\n{_platform[_process].Output}");
            }
        }
    }

    private async Task DieAsync(Death? armed, CancellationToken cancellation)
    {
        if (armed is not null)
        {
            if (await ExitsAsync(_platform[_process], PointPatience, cancellation))
            {
                await DiedAsync(armed);
                return;
            }

            // Not passed in time: killed all the same, which counts for nothing, and tried again later.
            if (++_misses > MaxMisses)
            {
                throw new InvalidOperationException($"{armed} was not reached in {MaxMisses} tries of {PointPatience}");
            }

            _plan.Enqueue(armed);
            await _platform.KillAsync(_process);
            return;
        }

        await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(LongestRandomPauseMs)), _time, cancellation);
        await _platform.KillAsync(_process);
        await DiedAsync(_plan.Dequeue());
    }

    private async Task DiedAsync(Death death)
    {
        _down.Add((death, _time.GetTimestamp()));
        _counts[death] = _counts[death] with { Kills = _counts[death].Kills + 1 };
        await _journal.NoteAsync(new Fact { Kind = FactKinds.Killed, Process = _process, Failpoint = death.Failpoint });
    }

    // The next point is armed at the start; a process that passes it before it serves has died once more, and is started again.
    private async Task<Death?> StartAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var next = _plan.TryPeek(out var coming) && !coming.IsRandom ? _plan.Dequeue() : null;
            await _starts.WaitAsync(cancellation);
            try
            {
                await _platform.StartAsync(_process, next is null ? null : string.Create(CultureInfo.InvariantCulture, $"{next.Failpoint}:{_random.Next(1, next.MaxCount + 1)}"));
                await _journal.NoteAsync(new Fact { Kind = FactKinds.Serving, Process = _process });
                return next;
            }
            catch (InvalidOperationException) when (next is not null && _platform[_process] is { HasExited: true, ExitCode: Killed })
            {
                await DiedAsync(next);
            }
            finally
            {
                _starts.Release();
            }
        }
    }

    // Returns early when the process dies again: what it then recovers from is both deaths.
    private async Task RecoverAsync(CancellationToken cancellation)
    {
        if (_down.Count == 0)
        {
            return;
        }

        var recovery = new RecoveryWait(_down[^1].Since);
        _recovery = recovery;
        var process = _platform[_process];
        var started = _time.GetTimestamp();
        while (!recovery.Seen.Task.IsCompleted && !process.HasExited)
        {
            cancellation.ThrowIfCancellationRequested();
            if (_time.GetElapsedTime(started) > RecoveryPatience)
            {
                throw new InvalidOperationException($"{_process} has not recovered from '{_down[0].Death}' within {RecoveryPatience}. Its last output:\n{process.Output}");
            }

            await Task.WhenAny(recovery.Seen.Task, Task.Delay(TimeSpan.FromMilliseconds(100), _time, cancellation));
        }

        _recovery = null;
        if (recovery.Seen.Task.IsCompleted)
        {
            await RecoveredAsync();
        }
    }

    private async Task RecoveredAsync()
    {
        foreach (var (death, since) in _down)
        {
            var took = _time.GetElapsedTime(since);
            var count = _counts[death];
            _counts[death] = count with { Recoveries = count.Recoveries + 1, LongestRecovery = took > count.LongestRecovery ? took : count.LongestRecovery };
        }

        _down.Clear();
        await _journal.NoteAsync(new Fact { Kind = FactKinds.Recovered, Process = _process });
    }

    private static async Task<bool> ExitsAsync(ServiceProcess process, TimeSpan patience, CancellationToken cancellation)
    {
        try
        {
            var code = await process.WaitForExitAsync(patience).WaitAsync(cancellation);
            return code == Killed ? true : throw new UnreachableException($"{process.Name} ended by itself with {code}. Its last output:\n{process.Output}");
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private sealed record RecoveryWait(long DeadSince)
    {
        public TaskCompletionSource Seen { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
