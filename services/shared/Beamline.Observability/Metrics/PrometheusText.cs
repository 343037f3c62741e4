using System.Globalization;
using System.Text;

namespace Beamline.Observability;

/// <summary>Prometheus' text format 0.0.4. Names stay as they are given, with no unit or <c>_total</c> added.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private const string OverflowName = "metrics_series_overflow_total";

    public static string Write(MetricRegistry registry)
    {
        var text = new StringBuilder();
        var overflown = new List<MetricFamily>();
        registry.Scrape(family =>
        {
            WriteFamily(text, family);
            if (family.Overflow > 0)
            {
                overflown.Add(family);
            }
        });
        if (overflown.Count > 0)
        {
            WriteHead(text, OverflowName, "Values that went to the series \"other\", for want of room", "counter");
            foreach (var family in overflown)
            {
                WriteSample(text, OverflowName, $"metric=\"{family.Name}\"", family.Overflow);
            }
        }

        return text.ToString();
    }

    /// <summary>The name with what the format forbids replaced by underscores: <c>http.server.duration</c> is <c>http_server_duration</c>.</summary>
    public static string MetricName(string name)
    {
        var clean = string.Create(name.Length, name, static (span, from) =>
        {
            for (var i = 0; i < from.Length; i++)
            {
                span[i] = char.IsAsciiLetterOrDigit(from[i]) || from[i] is '_' or ':' ? from[i] : '_';
            }
        });
        return char.IsAsciiDigit(clean[0]) ? "_" + clean : clean;
    }

    public static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            text.Append(text.Length > 0 ? "," : "").Append(MetricName(name).Replace(':', '_')).Append("=\"");
            AppendEscaped(text, Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", quotes: true);
            text.Append('"');
        }

        return text.ToString();
    }

    private static void WriteFamily(StringBuilder text, MetricFamily family)
    {
        WriteHead(text, family.Name, family.Description, family.Kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        });
        foreach (var series in family.Series())
        {
            if (family.Kind == MetricKind.Histogram)
            {
                WriteHistogram(text, family, series);
            }
            else
            {
                WriteSample(text, family.Name, series.Labels, series.Value);
            }
        }
    }

    private static void WriteHistogram(StringBuilder text, MetricFamily family, MetricSeries series)
    {
        // The count is that of the buckets read, so that a scrape in the middle of recording still adds up.
        var buckets = series.Buckets();
        var comma = series.Labels.Length > 0 ? "," : "";
        var count = 0L;
        for (var i = 0; i < buckets.Length; i++)
        {
            count += buckets[i];
            var bound = i < family.Bounds.Count ? Number(family.Bounds[i]) : "+Inf";
            WriteSample(text, family.Name + "_bucket", $"{series.Labels}{comma}le=\"{bound}\"", count);
        }

        WriteSample(text, family.Name + "_sum", series.Labels, series.Value);
        WriteSample(text, family.Name + "_count", series.Labels, count);
    }

    private static void WriteHead(StringBuilder text, string name, string? description, string type)
    {
        if (!string.IsNullOrEmpty(description))
        {
            text.Append("# HELP ").Append(name).Append(' ');
            AppendEscaped(text, description, quotes: false);
            text.Append('\n');
        }

        text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
    }

    private static void WriteSample(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        // Counts of more than 15 digits stay whole numbers; "R" would write them with an exponent.
        _ when Math.Abs(value) < 1e18 && Math.Floor(value) == value => ((long)value).ToString(CultureInfo.InvariantCulture),
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static void AppendEscaped(StringBuilder text, string value, bool quotes)
    {
        foreach (var character in value)
        {
            _ = character switch
            {
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '"' when quotes => text.Append("\\\""),
                _ => text.Append(character),
            };
        }
    }
}
