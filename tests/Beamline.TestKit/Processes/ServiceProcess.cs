using System.Diagnostics;

namespace Beamline.TestKit.Processes;

/// <summary>A child process of a test: its output is kept (the last lines), waited on, and printed when something fails.</summary>
public sealed class ServiceProcess : IAsyncDisposable
{
    private const int KeptLines = 400;

    // Guards the lines and the waiters, which the reading threads touch.
    private readonly Lock _lock = new();
    private readonly Queue<string> _lines = new();
    private readonly List<(Func<string, bool> Wanted, TaskCompletionSource<string> Found)> _waiters = [];
    private readonly Process _process;

    private ServiceProcess(string name, Process process)
    {
        Name = name;
        _process = process;
    }

    public string Name { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public TimeSpan CpuTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>The most memory that it has held at once.</summary>
    public long PeakResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64;
        }
    }

    /// <summary>The last lines that the process wrote.</summary>
    public string Output
    {
        get
        {
            lock (_lock)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    public static ServiceProcess Start(string name, string executable, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(executable, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (key, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[key] = value;
        }

        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        var service = new ServiceProcess(name, process);
        process.OutputDataReceived += (_, line) => service.Take(line.Data);
        process.ErrorDataReceived += (_, line) => service.Take(line.Data);
        process.Exited += (_, _) => service.FailWaiters();
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return service;
    }

    /// <summary>The first line, seen already or yet to come, that holds <paramref name="text"/>.</summary>
    /// <exception cref="InvalidOperationException">The process ended, or the time is over; the message has its last output.</exception>
    public async Task<string> WaitForLineAsync(string text, TimeSpan timeout)
    {
        TaskCompletionSource<string> found;
        lock (_lock)
        {
            if (_lines.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) is { } seen)
            {
                return seen;
            }

            found = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((line => line.Contains(text, StringComparison.Ordinal), found));
        }

        if (_process.HasExited)
        {
            FailWaiters();
        }

        try
        {
            return await found.Task.WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            throw new InvalidOperationException($"{Name} did not print '{text}' within {timeout}. Its last output:\n{Output}");
        }
    }

    /// <summary>
    /// Lets the running process have no more descriptors than it holds now and <paramref name="more"/>; null: plenty again. False where
    /// it has ended.
    /// </summary>
    public bool TryLimitDescriptors(int? more)
    {
        const string Plenty = "4096";
        var id = Id.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (HasExited)
        {
            return false;
        }

        var limit = more is null ? Plenty : (Directory.GetFiles($"/proc/{id}/fd").Length + more.Value).ToString(System.Globalization.CultureInfo.InvariantCulture);
        using var prlimit = Process.Start("prlimit", ["--pid", id, $"--nofile={limit}:"]);
        prlimit.WaitForExit();
        return prlimit.ExitCode == 0;
    }

    /// <summary>SIGKILL.</summary>
    public void Kill() => _process.Kill();

    /// <summary>SIGTERM.</summary>
    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public async Task<int> WaitForExitAsync(TimeSpan timeout)
    {
        try
        {
            await _process.WaitForExitAsync().WaitAsync(timeout);
            return _process.ExitCode;
        }
        catch (TimeoutException)
        {
            throw new InvalidOperationException($"{Name} did not end within {timeout}. Its last output:\n{Output}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lock)
        {
            _lines.Enqueue(line);
            if (_lines.Count > KeptLines)
            {
                _lines.Dequeue();
            }

            foreach (var waiter in _waiters.Where(waiter => waiter.Wanted(line)).ToArray())
            {
                _waiters.Remove(waiter);
                waiter.Found.TrySetResult(line);
            }
        }
    }

    private void FailWaiters()
    {
        lock (_lock)
        {
            foreach (var (_, found) in _waiters)
            {
                found.TrySetException(new InvalidOperationException($"{Name} ended with exit code {_process.ExitCode}. Its last output:\n{string.Join('\n', _lines)}"));
            }

            _waiters.Clear();
        }
    }
}
