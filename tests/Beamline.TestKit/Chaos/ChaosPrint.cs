using System.Globalization;
using System.Text.Json;

namespace Beamline.TestKit.Chaos;

/// <summary>A report in words, for people.</summary>
public static class ChaosPrint
{
    /// <summary>A row for each way to die, as Markdown.</summary>
    public static IEnumerable<string> Table(IReadOnlyList<DeathCount> deaths)
    {
        ArgumentNullException.ThrowIfNull(deaths);
        return
        [
            "| process | dies | kills | recoveries | longest recovery |",
            "| --- | --- | --- | --- | --- |",
            .. deaths.Select(row => string.Create(
                CultureInfo.InvariantCulture,
                $"| {row.Death.Process} | {row.Death.Failpoint ?? "at random"} | {row.Kills} | {row.Recoveries} | {row.LongestRecovery.TotalSeconds:F1} s |")),
        ];
    }

    /// <summary>Each violation with the whole history of its assignment, the first <paramref name="most"/> of them.</summary>
    public static IEnumerable<string> Violations(ChaosReport report, int most)
    {
        ArgumentNullException.ThrowIfNull(report);
        var shown = report.Verdict.Violations.Take(most).ToArray();
        var ids = shown.Select(violation => violation.Id).ToHashSet(StringComparer.Ordinal);
        var histories = shown.Length == 0 ? null : Journal.Read(report.Journal).Where(fact => fact.Id is not null && ids.Contains(fact.Id)).ToLookup(fact => fact.Id);
        foreach (var violation in shown)
        {
            yield return $"VIOLATION {violation.Id}: {violation.What}";
            foreach (var fact in histories![violation.Id])
            {
                yield return "    " + JsonSerializer.Serialize(fact, FactJson.Default.Fact);
            }
        }

        if (report.Verdict.Violations.Count > shown.Length)
        {
            yield return $"... and {report.Verdict.Violations.Count - shown.Length} more violations; all facts are in {report.Journal}";
        }
    }
}
