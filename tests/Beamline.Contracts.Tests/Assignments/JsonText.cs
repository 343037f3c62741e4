using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Contracts.Tests.Assignments;

/// <summary>Makes JSON objects of every kind of value, and rewrites them so that only their looks change.</summary>
internal static class JsonText
{
    private static readonly string[] Keys = ["a", "b", "ab", "é", "\"", "\\", "\n", "password", "headers", "zz", "😀", "\u0001"];
    private static readonly string[] Texts = ["", "x", "\"q\"", "a\\b", "tab\t", "日本", "😀", "p=1;password=2", "http://u:p@h/", "{\"k\":1}", "[1,"];
    private static readonly string[] Numbers = ["0", "-1", "1.50", "1e400", "9007199254740993", "123456789012345678901234567890"];

    public static Arbitrary<string> Objects() => Object(3).ToArbitrary();

    /// <summary>The same value with its keys in reverse, blanks between tokens and every character escaped.</summary>
    public static string Disguise(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "{ " + string.Join(" ,\n", value.EnumerateObject().Reverse().Select(m => $"{Escape(m.Name)}\t: {Disguise(m.Value)}")) + " }",
        JsonValueKind.Array => "[ " + string.Join(" , ", value.EnumerateArray().Select(Disguise)) + " ]",
        JsonValueKind.String => Escape(value.GetString()!),
        _ => value.GetRawText(),
    };

    private static string Escape(string text) =>
        text.Aggregate(new StringBuilder("\""), (to, c) => to.Append($"\\u{(int)c:x4}")).Append('"').ToString();

    private static Gen<string> Object(int depth) =>
        from keys in Gen.Elements(Keys).ListOf()
        from values in Value(depth).ListOf(Keys.Length)
        select "{" + string.Join(",", keys.Distinct().Zip(values, (key, value) => $"{JsonSerializer.Serialize(key)}:{value}")) + "}";

    private static Gen<string> Value(int depth)
    {
        var leaf = Gen.OneOf(
            Gen.Elements(Texts).Select(text => JsonSerializer.Serialize(text)),
            Gen.Elements(Numbers),
            Gen.Elements("true", "false", "null"));
        return depth == 0
            ? leaf
            : Gen.OneOf(leaf, Object(depth - 1), Value(depth - 1).ListOf(3).Select(items => "[" + string.Join(",", items) + "]"));
    }
}
