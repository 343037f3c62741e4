using Beamline.Sidecar.Conformance.Tests.Recordings;

namespace Beamline.Sidecar.Conformance.Tests;

public sealed class CaseTableTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_recorded_case_stands_in_the_table_and_nothing_else_does()
    {
        var recorded = RecordedCases.All.Select(item => item.Id).ToList();

        Assert.Equal(recorded, recorded.Distinct());
        Assert.Equal(recorded.Order(StringComparer.Ordinal), CaseTable.Rows.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_is_not_exact_says_why()
    {
        Assert.DoesNotContain(CaseTable.Rows.Values, row => row.Verdict != Verdict.Exact && row.Reason.Trim().Length == 0);
    }

    [Fact]
    public void The_readme_tells_the_counts_of_the_table()
    {
        var counts = Enum.GetValues<Verdict>().ToDictionary(verdict => verdict, verdict => CaseTable.Rows.Values.Count(row => row.Verdict == verdict));
        var line = $"{CaseTable.Rows.Count} recorded cases: {counts[Verdict.Exact]} exact, {counts[Verdict.BrokerOnly]} broker-only, "
            + $"{counts[Verdict.Refused]} refused, {counts[Verdict.Differs]} differ.";
        output.WriteLine(line);
        foreach (var row in CaseTable.Rows.Values.Where(row => row.Verdict == Verdict.Differs))
        {
            output.WriteLine($"differs: {row.File}/{row.Name}: {row.Reason}");
        }

        Assert.Contains(line, File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "README.md")), StringComparison.Ordinal);
    }
}
