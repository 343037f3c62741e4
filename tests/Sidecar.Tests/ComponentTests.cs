using System.Net;

namespace Beamline.Sidecar.Tests;

public sealed class ComponentTests
{
    [Fact]
    public async Task The_repositorys_local_components_are_read_without_a_fault()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Beamline.sln")))
        {
            root = root.Parent;
        }

        await using var test = await TestSidecar.StartAsync(
            [], change: options => options with { ComponentsPath = Path.Combine(root.FullName, "components", "local") });
        var metadata = await (await test.AddAsync("scheduler")).Client().CallAsync(HttpMethod.Get, "/v1.0/metadata");

        Assert.Contains("beamline-assign-01", metadata.Body, StringComparison.Ordinal);
        Assert.Contains("beamline-state", metadata.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_come_from_a_file_within_their_scope()
    {
        var folder = Directory.CreateTempSubdirectory("sidecar-secrets-").FullName;
        var (file, config) = (Path.Combine(folder, "secrets.json"), Path.Combine(folder, "config.yaml"));
        await File.WriteAllTextAsync(file, """{"open":"o","db":{"user":"u","pass":"p"}}""", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            config, "kind: Configuration\nspec:\n  secrets:\n    scopes:\n    - { storeName: vault, defaultAccess: allow, deniedSecrets: [\"db:pass\"] }\n", TestContext.Current.CancellationToken);
        await using var test = await TestSidecar.StartAsync([TestSidecar.Component("vault", "secretstores.local.file", ("secretsFile", file), ("nestedSeparator", ":"))]);
        var client = (await test.AddAsync("shop", null, options => options with { ConfigPath = config })).Client();

        Assert.Equal("{\"db:user\":\"u\"}\n", (await client.CallAsync(HttpMethod.Get, "/v1.0/secrets/vault/db:user")).Body);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.CallAsync(HttpMethod.Get, "/v1.0/secrets/vault/db:pass")).Status);
        Assert.Equal(HttpStatusCode.InternalServerError, (await client.CallAsync(HttpMethod.Get, "/v1.0/secrets/vault/db")).Status);
        Assert.Equal("{\"db:user\":{\"db:user\":\"u\"},\"open\":{\"open\":\"o\"}}\n", (await client.CallAsync(HttpMethod.Get, "/v1.0/secrets/vault/bulk")).Body);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_second_sidecar_on_the_same_data_is_refused()
    {
        await using var test = await TestSidecar.StartAsync([]);

        await Assert.ThrowsAsync<SidecarConfigurationException>(() => EmbeddedSidecar.StartAsync(
            new SidecarOptions { DataDirectory = Path.Combine(test.Root, "data") },
            Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TestContext.Current.CancellationToken));
    }
}
