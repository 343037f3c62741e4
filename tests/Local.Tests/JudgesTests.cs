using System.Text.Json.Nodes;
using Beamline.Local.Demo;

namespace Beamline.Local.Tests;

/// <summary>The demo's judges see what is wrong: a demo that cannot fail shows nothing.</summary>
public sealed class JudgesTests
{
    private static readonly JsonNode Result = JsonNode.Parse("""
        {"status":"success","error_code":0,"retries_used":2,"result":{"digest":"ab","size_bytes":3,"rows":[{"n":2}],"data":[1.0,2.0]}}
        """)!;

    [Fact]
    public void What_matches_is_no_difference()
    {
        Assert.Null(Judges.All(Judges.Status("success"), Judges.Output("digest", "ab"), Judges.Output("size_bytes", "3"), Judges.RetriesUsed(2))(Result));
        Assert.Null(Judges.Rows("{\"n\":2}")(Result));
        Assert.Null(Judges.Matrix([1, 2], 2)(Result));
    }

    [Fact]
    public void What_differs_is_named_with_both_sides()
    {
        Assert.Equal("digest is ab, expected ac", Judges.Output("digest", "ac")(Result));
        Assert.Equal("status is success, expected timeout", Judges.Status("timeout")(Result));
        Assert.Equal("error_code is 0, expected 5002", Judges.ErrorCode(5002)(Result));
        Assert.Equal("retries_used is 2, expected 0", Judges.RetriesUsed(0)(Result));
    }

    [Fact]
    public void An_output_that_is_missing_differs() => Assert.NotNull(Judges.Output("body", "x")(Result));

    [Fact]
    public void Other_rows_differ() => Assert.NotNull(Judges.Rows("{\"n\":3}")(Result));

    [Fact]
    public void A_number_beyond_rounding_differs()
    {
        Assert.NotNull(Judges.Matrix([1, 2.001], 2)(Result));
        Assert.NotNull(Judges.Matrix([1, 2, 3], 2)(Result));
    }
}
