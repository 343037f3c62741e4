using System.Runtime.InteropServices;
using Beamline.Contracts.Results;

namespace Beamline.ExecutorHost.Running;

/// <summary>
/// CPU time and allocations of the current thread from one point on. A block that computes without awaiting is measured exactly;
/// of one that awaits only the part before its first await is seen, and the figures say so (<c>exact: false</c>).
/// </summary>
internal readonly struct ThreadUsage
{
    private const int ThreadCpuClock = 3; // CLOCK_THREAD_CPUTIME_ID

    private readonly long _cpuNanos;
    private readonly long _allocated;

    private ThreadUsage(long cpuNanos, long allocated) => (_cpuNanos, _allocated) = (cpuNanos, allocated);

    public static ThreadUsage Now() => new(CpuNanos(), GC.GetAllocatedBytesForCurrentThread());

    public Usage Since(in ThreadUsage start) => new((_cpuNanos - start._cpuNanos) / 1_000_000d, _allocated - start._allocated);

    /// <summary>Nanoseconds; null when the clock (its thread) is not there.</summary>
    public static long? ReadClock(int clock) =>
        OperatingSystem.IsLinux() && clock_gettime(clock, out var time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanos : null;

    private static long CpuNanos() => ReadClock(ThreadCpuClock) ?? 0;

    [DllImport("libc", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int clock_gettime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanos;
    }
}

/// <summary>What a step has used, over its attempts on this worker.</summary>
internal readonly record struct Usage(double CpuMs, long Bytes, bool Exact = true)
{
    public Usage Plus(Usage other) => new(CpuMs + other.CpuMs, Bytes + other.Bytes, Exact && other.Exact);

    public StepMetrics ToMetrics() => new()
    {
        CpuTimeMs = (long)Math.Round(CpuMs),
        MemBytes = Bytes,
        Exact = Exact ? null : false,
    };
}
