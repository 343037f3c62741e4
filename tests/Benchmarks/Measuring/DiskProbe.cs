using System.Diagnostics;

namespace Beamline.Benchmarks.Measuring;

/// <summary>What one durable write costs on this disk: throughput with synchronous=FULL means little without it.</summary>
internal static class DiskProbe
{
    /// <summary>The median of 50 appends of 4 KiB, each with fdatasync, in milliseconds.</summary>
    public static double Fdatasync(string folder)
    {
        var path = Path.Combine(folder, "fdatasync.probe");
        var page = new byte[4096];
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0, Options = FileOptions.DeleteOnClose });
        var took = new double[50];
        for (var i = 0; i < took.Length; i++)
        {
            var start = Stopwatch.GetTimestamp();
            file.Write(page);
            file.Flush(flushToDisk: true);
            took[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return new Percentiles(took)[50];
    }
}
