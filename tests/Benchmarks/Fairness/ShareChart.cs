using System.Globalization;
using System.Text;
using Beamline.Simulation.Witnesses;

namespace Beamline.Benchmarks.Fairness;

/// <summary>Shares of a pool over time as a plain SVG: what each tenant got as a line, what it was entitled to dashed.</summary>
internal static class ShareChart
{
    private const int Width = 860;
    private const int Height = 380;
    private const int Left = 56;
    private const int Right = 176;
    private const int Top = 40;
    private const int Bottom = 44;
    private static readonly string[] Colours = ["#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#0f766e", "#a16207"];

    public static string Draw(ShareRecorder recorder)
    {
        var svg = new StringBuilder();
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" font-family="sans-serif" font-size="12" fill="#222">""");
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<rect width="{Width}" height="{Height}" fill="#fff"/>""");
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{Left}" y="20" font-size="14">Share of the pool by tenant, each {recorder.SpanMs / 1000.0:0.#} s; dashed: entitled to</text>""");
        Axes(svg, recorder);
        var number = 0;
        foreach (var line in recorder.Lines.Values)
        {
            var colour = Colours[number % Colours.Length];
            Line(svg, recorder, s => line[s].Entitled, $"stroke=\"{colour}\" stroke-width=\"1.5\" stroke-dasharray=\"6 4\" opacity=\"0.75\"");
            Line(svg, recorder, s => line[s].Received, $"stroke=\"{colour}\" stroke-width=\"2\"");
            var y = Top + 16 + (24 * number++);
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{Width - Right + 16}" y1="{y - 4}" x2="{Width - Right + 40}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/><text x="{Width - Right + 46}" y="{y}">{line.Tenant.Name}, weight {line.Tenant.Weight}</text>""");
        }

        return svg.AppendLine("</svg>").ToString();
    }

    private static void Axes(StringBuilder svg, ShareRecorder recorder)
    {
        for (var percent = 0; percent <= 100; percent += 25)
        {
            var y = Y(percent / 100.0);
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{Left}" y1="{y:F1}" x2="{Width - Right}" y2="{y:F1}" stroke="#ddd"/><text x="{Left - 8}" y="{y + 4:F1}" text-anchor="end">{percent} %</text>""");
        }

        var seconds = recorder.Spans * recorder.SpanMs / 1000;
        for (var second = 0L; second <= seconds; second += 20)
        {
            var x = X((double)second / seconds);
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{x:F1}" y1="{Height - Bottom}" x2="{x:F1}" y2="{Height - Bottom + 5}" stroke="#222"/><text x="{x:F1}" y="{Height - Bottom + 20}" text-anchor="middle">{second} s</text>""");
        }

        svg.AppendLine(CultureInfo.InvariantCulture, $"""<path d="M{Left} {Top}V{Height - Bottom}H{Width - Right}" fill="none" stroke="#222"/>""");
    }

    private static void Line(StringBuilder svg, ShareRecorder recorder, Func<int, double> value, string style)
    {
        // The last span is cut off where the simulation ends.
        var points = Enumerable.Range(0, recorder.Spans - 1).Select(span =>
        {
            var all = recorder.Lines.Values.Sum(l => l[span].Received);
            return string.Create(CultureInfo.InvariantCulture, $"{X((span + 0.5) / recorder.Spans):F1},{Y(all > 0 ? value(span) / all : 0):F1}");
        });
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<polyline points="{string.Join(' ', points)}" fill="none" {style}/>""");
    }

    private static double X(double part) => Left + (part * (Width - Left - Right));

    private static double Y(double part) => Height - Bottom - (Math.Min(1, part) * (Height - Top - Bottom));
}
