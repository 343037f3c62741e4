// Stands in for OpenTelemetry.Exporter.Prometheus.AspNetCore, which the project's feed does not hold. Unlike it, this keeps to the
// meters of one container: several services may share a process, and their numbers must not mix.
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Numerics;

namespace Beamline.Observability;

/// <summary>
/// Collects what the instruments of one <see cref="IMeterFactory"/> record, for <c>/metrics</c>. Recording takes no lock and, once a
/// combination of labels was seen, allocates nothing.
/// </summary>
internal sealed class MetricRegistry : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly IMeterFactory _factory;

    // By exposed name: the same instrument made twice is one family.
    private readonly ConcurrentDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);

    // Guards a scrape: observed values of one must not meet those of another.
    private readonly Lock _scrapeLock = new();

    private readonly int _maxSeries;

    public MetricRegistry(IMeterFactory factory, int maxSeries = MetricFamily.DefaultMaxSeries)
    {
        (_factory, _maxSeries) = (factory, maxSeries);
        _listener.InstrumentPublished = Publish;
        Record<byte>();
        Record<short>();
        Record<int>();
        Record<long>();
        Record<float>();
        Record<double>();
        Record<decimal>();
        _listener.Start();
    }

    /// <summary>All families in the order of their names, observable ones read now.</summary>
    public void Scrape(Action<MetricFamily> write)
    {
        lock (_scrapeLock)
        {
            foreach (var family in _families.Values)
            {
                family.BeginScrape();
            }

            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException)
            {
                // A gauge whose callback throws is missing from this scrape; the others are there.
            }

            foreach (var family in _families.Values.OrderBy(family => family.Name, StringComparer.Ordinal))
            {
                write(family);
            }
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Publish(Instrument instrument, MeterListener listener)
    {
        // The framework's own meters share the factory. They stay off: each would cost every request.
        if (!ReferenceEquals(instrument.Meter.Scope, _factory)
            || instrument.Meter.Name.StartsWith("Microsoft.", StringComparison.Ordinal)
            || instrument.Meter.Name.StartsWith("System.", StringComparison.Ordinal))
        {
            return;
        }

        if (MetricFamily.For(instrument, _maxSeries) is { } made)
        {
            listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(made.Name, made));
        }
    }

    private void Record<T>()
        where T : struct, INumberBase<T> =>
        _listener.SetMeasurementEventCallback<T>(static (_, value, labels, state) =>
            ((MetricFamily)state!).Record(double.CreateTruncating(value), labels));
}
