using System.Diagnostics.Metrics;
using Beamline.Scheduler.Engine;
using Beamline.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Scheduler.Tests;

/// <summary>The scheduler's metrics with a look at their sums.</summary>
internal sealed class CountedMetrics : IDisposable
{
    private readonly ServiceProvider _meters = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public CountedMetrics()
    {
        var factory = _meters.GetRequiredService<IMeterFactory>();
        Metrics = new SchedulerMetrics(factory);
        Counts.Listen(factory);
    }

    public SchedulerMetrics Metrics { get; }

    public CounterReadings Counts { get; } = new();

    public void Dispose()
    {
        Counts.Dispose();
        Metrics.Dispose();
        _meters.Dispose();
    }
}
