using System.Globalization;
using System.Text.Json.Nodes;

namespace Beamline.Local.Demo;

/// <summary>Small checks over an ExecResult, each null when it holds and a sentence when it does not.</summary>
internal static class Judges
{
    public static Func<JsonNode, string?> All(params Func<JsonNode, string?>[] checks) => result =>
        checks.Select(check => check(result)).FirstOrDefault(difference => difference is not null);

    public static Func<JsonNode, string?> Status(string status) => result => Same("status", status, Text(result["status"]));

    public static Func<JsonNode, string?> ErrorCode(int number) => result =>
        Same("error_code", number.ToString(CultureInfo.InvariantCulture), Text(result["error_code"]));

    public static Func<JsonNode, string?> Output(string name, string value) => result => Same(name, value, Text(result["result"]?[name]));

    public static Func<JsonNode, string?> RetriesUsed(int retries) => result =>
        Same("retries_used", retries.ToString(CultureInfo.InvariantCulture), Text(result["retries_used"]));

    /// <summary>The rows of a query, each value in its JSON text.</summary>
    public static Func<JsonNode, string?> Rows(params string[] rows) => result =>
        Same("rows", string.Join(' ', rows), string.Join(' ', (result["result"]?["rows"] as JsonArray ?? []).Select(row => row?.ToJsonString())));

    /// <summary>A matrix, compared within single precision's rounding over a sum of <paramref name="terms"/> products.</summary>
    public static Func<JsonNode, string?> Matrix(double[] expected, int terms) => result =>
    {
        var data = result["result"]?["data"] as JsonArray ?? [];
        if (data.Count != expected.Length)
        {
            return $"data has {data.Count} numbers, expected {expected.Length}";
        }

        var tolerance = terms * 1.2e-7;
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = Math.Abs((double)data[i]! - expected[i]);
            if (difference > tolerance * Math.Max(1, Math.Abs(expected[i])))
            {
                return $"data[{i}] is {data[i]}, expected {expected[i].ToString(CultureInfo.InvariantCulture)}";
            }
        }

        return null;
    };

    private static string Text(JsonNode? node) => node switch
    {
        null => "(nothing)",
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        _ => node.ToJsonString(),
    };

    private static string? Same(string what, string expected, string got) =>
        string.Equals(expected, got, StringComparison.Ordinal) ? null : $"{what} is {Shorten(got)}, expected {Shorten(expected)}";

    private static string Shorten(string text) => text.Length <= 90 ? text : text[..87] + "...";
}
