using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Beamline.TestKit;

/// <summary>The sums of the counters made by one meter factory, by name and label: <c>worker_task_stops_total cause=user</c>.</summary>
public sealed class CounterReadings : IDisposable
{
    private readonly ConcurrentDictionary<string, long> _sums = new();
    private readonly MeterListener _listener = new();

    public long this[string counter] => _sums.GetValueOrDefault(counter);

    public void Listen(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var labels = string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"));
            _sums.AddOrUpdate($"{instrument.Name} {labels}", value, (_, sum) => sum + value);
        });
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();
}
