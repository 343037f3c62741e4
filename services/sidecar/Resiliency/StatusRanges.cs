using System.Diagnostics.CodeAnalysis;

namespace Beamline.Sidecar.Resiliency;

/// <summary>HTTP status codes as <c>matching.httpStatusCodes</c> lists them: <c>429,500-599</c>.</summary>
internal sealed record StatusRanges(IReadOnlyList<(int First, int Last)> Ranges)
{
    public bool Contain(int status) => Ranges.Any(range => status >= range.First && status <= range.Last);

    public static bool TryParse(string text, [NotNullWhen(true)] out StatusRanges? ranges)
    {
        ranges = null;
        var list = new List<(int, int)>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], out var first) || !int.TryParse(ends[^1], out var last) || first > last)
            {
                return false;
            }

            list.Add((first, last));
        }

        ranges = new StatusRanges(list);
        return list.Count > 0;
    }
}
