namespace Beamline.Architecture.Tests;

/// <summary>Arrows go one way: Contracts ← DaprAccess ← the rest of shared ← services ← local.</summary>
public sealed class ReferenceTests
{
    private static readonly string[] Services = ["Gateway", "Scheduler", "CpuExecutor", "IoExecutor", "GpuExecutor", "Sidecar"];

    // What each library may stand on. A new library is added here with a thought.
    private static readonly Dictionary<string, string[]> Shared = new(StringComparer.Ordinal)
    {
        ["Beamline.Contracts"] = [],
        ["Beamline.DaprAccess"] = ["Beamline.Contracts"],
        ["Beamline.InProcess"] = [],
        ["Beamline.Sqlite"] = [],
        ["Beamline.Observability"] = ["Beamline.Contracts", "Beamline.DaprAccess"],
        ["Beamline.ExecutorHost"] = ["Beamline.Contracts", "Beamline.DaprAccess", "Beamline.Observability"],
    };

    [Fact]
    public void Shared_libraries_reference_only_what_stands_below_them()
    {
        var references = Repository.References();
        foreach (var path in Repository.Files("services/shared", "*.csproj"))
        {
            var name = Path.GetFileNameWithoutExtension(path);
            Assert.True(Shared.ContainsKey(name), $"{name} is not in the list of shared libraries");
            Assert.Empty(references[name].Except(Shared[name]));
        }
    }

    [Fact]
    public void A_service_never_references_another()
    {
        var references = Repository.References();
        foreach (var service in Services)
        {
            Assert.Empty(references[service].Intersect([.. Services, "Local"]));
        }
    }

    [Fact]
    public void Contracts_needs_nothing_but_the_base_class_library()
    {
        var project = File.ReadAllText(Repository.PathOf("services/shared/Beamline.Contracts/Beamline.Contracts.csproj"));
        Assert.DoesNotContain("Reference Include", project, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_DaprAccess_and_the_sidecar_know_a_Dapr_route()
    {
        var strangers = Repository.Sources("services")
            .Where(path => !Repository.Relative(path).StartsWith("services/shared/Beamline.DaprAccess/", StringComparison.Ordinal)
                && !Repository.Relative(path).StartsWith("services/sidecar/", StringComparison.Ordinal))
            .Where(path => File.ReadAllText(path) is var text
                && (text.Contains("/v1.0/", StringComparison.Ordinal) || text.Contains("\"v1.0", StringComparison.Ordinal) || text.Contains("/dapr/subscribe", StringComparison.Ordinal)))
            .Select(Repository.Relative);
        Assert.Empty(strangers);
    }

    [Fact]
    public void Every_library_and_service_has_its_tests()
    {
        var names = Repository.References().Keys.ToHashSet(StringComparer.Ordinal);
        Assert.DoesNotContain(Shared.Keys.Concat(Services).Append("Local"), name => !names.Contains(name + ".Tests"));
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Repository.PathOf("Beamline.sln"));
        Assert.DoesNotContain(Repository.References().Keys, name => !solution.Contains($"\"{name}\"", StringComparison.Ordinal));
    }
}
