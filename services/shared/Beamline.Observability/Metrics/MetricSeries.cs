namespace Beamline.Observability;

/// <summary>The numbers of one combination of labels. Every method may be called from any thread.</summary>
internal sealed class MetricSeries(string labels, int? bucketCount)
{
    // One more than there are bounds: the last takes what is above all of them.
    private readonly long[]? _buckets = bucketCount is { } count ? new long[count + 1] : null;
    private double _value;

    /// <summary><c>a="1",b="2"</c>, escaped; empty without labels.</summary>
    public string Labels => labels;

    /// <summary>The value; of a histogram the sum of all observed.</summary>
    public double Value => Volatile.Read(ref _value);

    public void Set(double value) => Volatile.Write(ref _value, value);

    public void Add(double value)
    {
        var seen = Volatile.Read(ref _value);
        while (true)
        {
            var before = Interlocked.CompareExchange(ref _value, seen + value, seen);
            // By bits: NaN is not equal to itself, and would be tried for ever.
            if (BitConverter.DoubleToInt64Bits(before) == BitConverter.DoubleToInt64Bits(seen))
            {
                return;
            }

            seen = before;
        }
    }

    public void Observe(double value, double[] bounds)
    {
        // A bound belongs to its bucket ("le"): the first bound that is not below the value.
        var found = Array.BinarySearch(bounds, value);
        Interlocked.Increment(ref _buckets![found >= 0 ? found : ~found]);
        Add(value);
    }

    /// <summary>How many were observed in each bucket, not summed up.</summary>
    public long[] Buckets() => Array.ConvertAll(_buckets!, static bucket => bucket);
}
