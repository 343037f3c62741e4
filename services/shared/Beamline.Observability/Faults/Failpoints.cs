using System.Diagnostics;
using System.Globalization;

namespace Beamline.Observability.Faults;

/// <summary>
/// Places where a fault test makes the process die as if by power loss: <c>BEAMLINE_FAILPOINT=name[:count]</c> kills it (SIGKILL,
/// nothing flushed) when <c>name</c> is passed for the <c>count</c>-th time (the first, when left out). Without the variable a
/// hit costs one check of a static field.
/// </summary>
public static class Failpoints
{
    private static readonly string? Armed;
    private static int _left;

    static Failpoints()
    {
        var setting = Environment.GetEnvironmentVariable("BEAMLINE_FAILPOINT");
        if (string.IsNullOrEmpty(setting))
        {
            return;
        }

        var colon = setting.LastIndexOf(':');
        Armed = colon < 0 ? setting : setting[..colon];
        _left = colon < 0 ? 1 : int.Parse(setting.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture);
    }

    /// <summary>Dies here when this point is armed and its count is reached.</summary>
    public static void Hit(string name)
    {
        if (Armed is not null && string.Equals(Armed, name, StringComparison.Ordinal) && Interlocked.Decrement(ref _left) == 0)
        {
            using var self = Process.GetCurrentProcess();
            self.Kill();
            // The signal ends every thread; nothing after the point may still happen.
            new ManualResetEvent(false).WaitOne();
        }
    }
}
