using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Beamline.Benchmarks.Measuring;

/// <summary>
/// The CPU time of the calling thread, where the system tells it (Linux), else elapsed time. What runs beside the measured code
/// takes its core away, not its CPU time: on a busy machine only this clock says what the code costs.
/// </summary>
internal static class ThreadClock
{
    private const int ThreadCpuTime = 3;
    private static readonly bool OnLinux = OperatingSystem.IsLinux();

    public static string Name => OnLinux ? "thread_cpu" : "elapsed";

    /// <summary>Nanoseconds since a fixed moment.</summary>
    public static long Now()
    {
        if (!OnLinux)
        {
            return (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
        }

        return ClockGetTime(ThreadCpuTime, out var time) == 0
            ? (time.Seconds * 1_000_000_000) + time.Nanoseconds
            : throw new InvalidOperationException($"clock_gettime failed with {Marshal.GetLastPInvokeError()}");
    }

    [DllImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ClockGetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
