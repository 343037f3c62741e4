using System.Text.RegularExpressions;

namespace Beamline.Architecture.Tests;

/// <summary>The tree tells the system: what lies where, under which names, in which size.</summary>
public sealed partial class TreeTests
{
    private static readonly string[] RootEntries =
    [
        "services", "components", "tests", "deploy", "Beamline.sln", "README.md", "tye.yaml", "Directory.Build.props", "Directory.Packages.props",
        "BannedSymbols.txt", "global.json", ".editorconfig", ".gitignore", ".gitattributes", ".ci", ".git", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
        "artifacts", ".beamline", ".beamline-processes", ".dockerignore", ".vs", ".idea",
    ];

    private static readonly string[] LayerFolders = ["Services", "Interfaces", "Models", "Helpers", "Utils", "Common", "Extensions", "Managers"];

    [Fact]
    public void The_root_holds_only_what_a_root_needs()
    {
        var entries = Directory.EnumerateFileSystemEntries(Repository.Root).Select(Path.GetFileName);
        Assert.Empty(entries.Except(RootEntries));
    }

    [Fact]
    public void Folders_name_features_and_never_layers()
    {
        var folders = Repository.Sources("services").Select(path => Repository.Relative(Path.GetDirectoryName(path)!));
        Assert.DoesNotContain(folders.Distinct(), folder => folder.Split('/').Skip(1).Any(LayerFolders.Contains));
    }

    [Fact]
    public void Programs_are_tables_of_contents()
    {
        var long_ = Repository.Sources("services").Where(path => Path.GetFileName(path) == "Program.cs" && File.ReadAllLines(path).Length > 40);
        Assert.Empty(long_.Select(Repository.Relative));
    }

    [Fact]
    public void No_file_is_longer_than_five_hundred_lines()
    {
        var longer = Repository.Sources("services").Where(path => File.ReadAllLines(path).Length > 500)
            .Concat(Repository.Sources("tests").Where(path => File.ReadAllLines(path).Length > 700));
        Assert.Empty(longer.Select(Repository.Relative));
    }

    [Fact]
    public void Types_carry_no_empty_suffix()
    {
        var refused = Repository.Sources("services")
            .SelectMany(path => RefusedName().Matches(File.ReadAllText(path)).Select(match => $"{Repository.Relative(path)}: {match.Value}"));
        Assert.Empty(refused);
    }

    [Fact]
    public void Awaitable_assertions_are_awaited()
    {
        var forgotten = Repository.Sources("tests")
            .SelectMany(path => File.ReadLines(path).Where(line => ForgottenThrows().IsMatch(line)).Select(line => $"{Repository.Relative(path)}: {line.Trim()}"));
        Assert.Empty(forgotten);
    }

    [Fact]
    public void Text_ends_lines_with_a_line_feed_alone()
    {
        var carriage = Repository.Sources("services").Concat(Repository.Sources("tests")).Where(path => File.ReadAllText(path).Contains('\r'));
        Assert.Empty(carriage.Select(Repository.Relative));
    }

    [GeneratedRegex(@"\b(?:class|record|struct|interface)\s+\w+(?:Manager|Helper|Helpers|Impl|Base|Processor|Utils)\b")]
    private static partial Regex RefusedName();

    [GeneratedRegex(@"^\s*Assert\.Throws(Any)?Async\b")]
    private static partial Regex ForgottenThrows();
}
