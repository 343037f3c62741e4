using System.Collections.Concurrent;
using System.Globalization;
using Beamline.Benchmarks.Runtimes;

namespace Beamline.Benchmarks.Measuring;

/// <summary>
/// Resident memory of some processes over a run. The growth is that from two fifths of it (minute 2 of 5) to its end, each the mean of a
/// tenth of the run around or before it: a collection more or less does not decide.
/// </summary>
internal sealed class MemorySeries(WatchedPlatform platform, IReadOnlyList<string> processes)
{
    private const int Samples = 200;
    private readonly ConcurrentDictionary<string, List<(double At, double Mib)>> _seen = new(StringComparer.Ordinal);

    /// <summary>A line a process: its memory at every tenth of the run.</summary>
    public IEnumerable<string> Lines => _seen.OrderBy(series => series.Key).Select(series =>
        $"{series.Key} MiB: {string.Join(' ', Enumerable.Range(0, 10).Select(tenth => Mean(series.Value, tenth / 10.0, (tenth + 1) / 10.0).ToString("F0", CultureInfo.InvariantCulture)))}");

    public async Task SampleAsync(TimeSpan duration, CancellationToken over)
    {
        using var ticks = new PeriodicTimer(duration / Samples);
        for (var sample = 0; sample < Samples; sample++)
        {
            try
            {
                await ticks.WaitForNextTickAsync(over);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            foreach (var process in processes)
            {
                _seen.GetOrAdd(process, _ => []).Add(((sample + 1.0) / Samples, platform.ResidentBytes(process) / 1024.0 / 1024.0));
            }
        }
    }

    /// <summary>At the end.</summary>
    public double Mib(string process) => BenchResult.Round(Mean(_seen[process], 0.9, 1));

    /// <summary>1.05: five hundredths more at the end than at two fifths.</summary>
    public double Growth(string process) => BenchResult.Round(Mean(_seen[process], 0.9, 1) / Mean(_seen[process], 0.35, 0.45));

    private static double Mean(List<(double At, double Mib)> series, double from, double to) =>
        series.Where(sample => sample.At > from && sample.At <= to).Select(sample => sample.Mib).DefaultIfEmpty(double.NaN).Average();
}
