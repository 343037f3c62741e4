using System.Runtime.InteropServices;

namespace Beamline.ExecutorHost.Running;

/// <summary>
/// The CPU time that one thread uses from now on, against a limit, readable from any thread. Linux only: elsewhere nothing is
/// over.
/// </summary>
internal sealed class CpuMeter
{
    // How the kernel names the CPU clock of a thread: its id inverted, the per-thread flag, the scheduler's clock.
    private const int PerThreadSchedulerClock = 4 | 2;

    private readonly int _clock;
    private readonly double _endMs;

    private CpuMeter(int clock, double endMs) => (_clock, _endMs) = (clock, endMs);

    public bool IsOver => ThreadUsage.ReadClock(_clock) is { } nanos && nanos / 1_000_000d > _endMs;

    /// <summary>Null where there is no limit, or it cannot be measured.</summary>
    public static CpuMeter? Start(double? limitMs)
    {
        if (limitMs is not { } limit || !OperatingSystem.IsLinux())
        {
            return null;
        }

        var clock = (~gettid() << 3) | PerThreadSchedulerClock;
        return ThreadUsage.ReadClock(clock) is { } nanos ? new CpuMeter(clock, (nanos / 1_000_000d) + limit) : null;
    }

    [DllImport("libc", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int gettid();
}
