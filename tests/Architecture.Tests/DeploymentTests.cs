using YamlDotNet.RepresentationModel;

namespace Beamline.Architecture.Tests;

/// <summary>Components and deploy files name only what exists.</summary>
public sealed class DeploymentTests
{
    private static readonly string[] AppIds = ["gateway", "scheduler", "cpu-executor", "io-executor", "gpu-executor"];

    public static TheoryData<string> Environments => ["local", "nats"];

    [Theory]
    [MemberData(nameof(Environments))]
    public void A_component_file_holds_one_document_of_its_own_name(string environment)
    {
        foreach (var path in Repository.Files($"components/{environment}", "*.yaml"))
        {
            var documents = Load(path);
            Assert.Single(documents);
            var name = Text(documents[0], "metadata", "name");
            if (Text(documents[0], "kind") == "Component")
            {
                Assert.Equal(Path.GetFileNameWithoutExtension(path), name);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Components_are_scoped_to_services_that_exist(string environment)
    {
        foreach (var document in Repository.Files($"components/{environment}", "*.yaml").SelectMany(Load).Where(document => Text(document, "kind") == "Component"))
        {
            var scopes = ((YamlSequenceNode)document["scopes"]).Select(scope => ((YamlScalarNode)scope).Value!).ToArray();
            Assert.NotEmpty(scopes);
            Assert.Empty(scopes.Except(AppIds));
        }
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Subscribing_components_follow_the_rules_of_the_real_runtime(string environment)
    {
        var subscribing = Repository.Files($"components/{environment}", "*.yaml").SelectMany(Load)
            .Where(document => Text(document, "kind") == "Component" && Text(document, "spec", "type").StartsWith("pubsub.", StringComparison.Ordinal))
            .Where(document => Text(document, "metadata", "name") != "beamline-bus")
            .ToArray();
        Assert.NotEmpty(subscribing);
        foreach (var document in subscribing)
        {
            var settings = ((YamlSequenceNode)document["spec"]["metadata"]).ToDictionary(item => Text(item, "name"), item => Text(item, "value"), StringComparer.Ordinal);
            Assert.Equal("single", settings["concurrency"]);
            Assert.Contains("ackWait", settings.Keys);
            Assert.Equal(settings["durableName"], settings["queueGroupName"]);
        }
    }

    [Fact]
    public void Both_environments_have_the_same_components()
    {
        static IEnumerable<string> Names(string environment) => Repository.Files($"components/{environment}", "*.yaml").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);
        Assert.Equal(Names("local"), Names("nats"));
    }

    [Fact]
    public void Dapr_multi_app_run_names_the_five_services_and_their_folders()
    {
        var apps = (YamlSequenceNode)Load(Repository.PathOf("deploy/dapr.yaml"))[0]["apps"];
        Assert.Equal(AppIds, apps.Select(app => Text(app, "appID")));
        Assert.All(apps, app => Assert.Single(Directory.GetFiles(Repository.PathOf(Path.Combine("deploy", Text(app, "appDirPath"))), "*.csproj")));
    }

    [Fact]
    public void Tye_names_the_five_services_and_their_projects()
    {
        var services = (YamlSequenceNode)Load(Repository.PathOf("tye.yaml"))[0]["services"];
        Assert.Equal(AppIds, services.Select(service => Text(service, "name")));
        Assert.All(services, service => Assert.True(File.Exists(Repository.PathOf(Text(service, "project")))));
    }

    private static IReadOnlyList<YamlNode> Load(string path)
    {
        var stream = new YamlStream();
        using var reader = new StreamReader(path);
        stream.Load(reader);
        return [.. stream.Documents.Select(document => document.RootNode)];
    }

    private static string Text(YamlNode node, params string[] path) => ((YamlScalarNode)path.Aggregate(node, (at, name) => at[name])).Value!;
}
