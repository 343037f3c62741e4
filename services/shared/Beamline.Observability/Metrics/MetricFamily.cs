using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace Beamline.Observability;

internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>All series of one metric. Holds at most so many; beyond, values go to a series whose labels all say <c>other</c>.</summary>
internal sealed class MetricFamily
{
    /// <summary>Enough for block types, pools and codes; what would need more (a label by tenant or task) does not belong into labels.</summary>
    public const int DefaultMaxSeries = 1000;

    // Milliseconds, for histograms that say nothing of their own.
    private static readonly double[] DefaultBounds = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000];

    private readonly ConcurrentDictionary<LabelSet, MetricSeries> _byLabels = new(LabelSetComparer.Instance);
    private readonly ConcurrentDictionary<LabelSet, MetricSeries>.AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> _lookup;
    private readonly double[]? _bounds;
    private readonly bool _isObservable;
    private readonly bool _isSet;
    private readonly int _maxSeries;

    // Guards the making of series. Reading takes no lock.
    private readonly Lock _lock = new();

    // By the text of the sorted labels: {a,b} and {b,a} are one series.
    private readonly Dictionary<string, MetricSeries> _series = new(StringComparer.Ordinal);
    private MetricSeries? _other;
    private long _overflow;

    private MetricFamily(Instrument instrument, MetricKind kind, double[]? bounds, int maxSeries)
    {
        Name = PrometheusText.MetricName(instrument.Name);
        Description = instrument.Description;
        Kind = kind;
        _bounds = bounds;
        _isObservable = instrument.IsObservable;
        _isSet = _isObservable || IsKind(instrument, typeof(Gauge<>));
        _maxSeries = maxSeries;
        _lookup = _byLabels.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
    }

    public string Name { get; }

    public string? Description { get; }

    public MetricKind Kind { get; }

    public IReadOnlyList<double> Bounds => _bounds ?? [];

    /// <summary>How many values went to <c>other</c>.</summary>
    public long Overflow => Interlocked.Read(ref _overflow);

    /// <returns>Null for a kind of instrument that is not known here.</returns>
    public static MetricFamily? For(Instrument instrument, int maxSeries)
    {
        if (IsKind(instrument, typeof(Histogram<>)))
        {
            return new MetricFamily(instrument, MetricKind.Histogram, BoundsOf(instrument), maxSeries);
        }

        if (IsKind(instrument, typeof(Counter<>)) || IsKind(instrument, typeof(ObservableCounter<>)))
        {
            return new MetricFamily(instrument, MetricKind.Counter, null, maxSeries);
        }

        Type[] gauges = [typeof(Gauge<>), typeof(UpDownCounter<>), typeof(ObservableGauge<>), typeof(ObservableUpDownCounter<>)];
        return gauges.Any(gauge => IsKind(instrument, gauge)) ? new MetricFamily(instrument, MetricKind.Gauge, null, maxSeries) : null;
    }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var series = _lookup.TryGetValue(labels, out var known) ? known : Add(labels);
        if (_bounds is not null)
        {
            series.Observe(value, _bounds);
        }
        else if (_isSet)
        {
            series.Set(value);
        }
        else
        {
            series.Add(value);
        }
    }

    /// <summary>Forgets what was observed before: a series that its callback names no longer has ended.</summary>
    public void BeginScrape()
    {
        if (!_isObservable)
        {
            return;
        }

        lock (_lock)
        {
            _byLabels.Clear();
            _series.Clear();
            _other = null;
        }
    }

    public IReadOnlyList<MetricSeries> Series()
    {
        lock (_lock)
        {
            var all = _other is null ? _series.Values : _series.Values.Append(_other);
            return [.. all.OrderBy(series => series.Labels, StringComparer.Ordinal)];
        }
    }

    private MetricSeries Add(ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        if (Volatile.Read(ref _other) is { } full)
        {
            Interlocked.Increment(ref _overflow);
            return full;
        }

        lock (_lock)
        {
            var sorted = labels.ToArray();
            Array.Sort(sorted, static (left, right) => string.CompareOrdinal(left.Key, right.Key));
            var text = PrometheusText.Labels(sorted);
            if (!_series.TryGetValue(text, out var series))
            {
                if (_series.Count >= _maxSeries)
                {
                    Interlocked.Increment(ref _overflow);
                    var others = Array.ConvertAll(sorted, label => KeyValuePair.Create(label.Key, (object?)"other"));
                    return _other ??= new MetricSeries(PrometheusText.Labels(others), _bounds?.Length);
                }

                _series[text] = series = new MetricSeries(text, _bounds?.Length);
            }

            // Another order of the same labels is remembered as well, within twice the bound.
            if (_byLabels.Count < _maxSeries * 2)
            {
                _lookup[labels] = series;
            }

            return series;
        }
    }

    private static bool IsKind(Instrument instrument, Type kind) =>
        instrument.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == kind;

    private static double[] BoundsOf(Instrument instrument)
    {
        double[]? bounds = instrument switch
        {
            Instrument<double> of => Convert(of.Advice?.HistogramBucketBoundaries),
            Instrument<float> of => Convert(of.Advice?.HistogramBucketBoundaries),
            Instrument<long> of => Convert(of.Advice?.HistogramBucketBoundaries),
            Instrument<int> of => Convert(of.Advice?.HistogramBucketBoundaries),
            Instrument<decimal> of => Convert(of.Advice?.HistogramBucketBoundaries),
            _ => null,
        };
        return bounds ?? DefaultBounds;
    }

    private static double[]? Convert<T>(IReadOnlyList<T>? bounds)
        where T : struct, IConvertible =>
        bounds?.Select(bound => bound.ToDouble(CultureInfo.InvariantCulture)).ToArray();
}
