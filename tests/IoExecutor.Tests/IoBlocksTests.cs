using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;
using Beamline.IoExecutor.Blocks.Http;
using Beamline.IoExecutor.Blocks.Sql;
using Beamline.TestKit;
using Beamline.TestKit.Blocks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Tests;

public sealed class IoBlocksTests
{
    [Fact]
    public async Task The_pool_offers_its_blocks_and_the_settings_reach_them()
    {
        using var folder = new TemporaryFolder();
        await using var services = Services(new() { ["Fs:Root"] = folder.Path, ["Http:Egress:Allow:0"] = "127.0.0.1", ["Http:ConnectTimeout"] = "00:00:03", ["Sql:Connections:shop:ConnectionString"] = "sqlite://s.sqlite" });
        var blocks = services.GetServices<IBlockExecutor>().ToDictionary(block => block.Type);
        Assert.Equal(["fs.blob_get", "fs.blob_put", "http.request", "sql.query"], blocks.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(TimeSpan.FromSeconds(3), services.GetRequiredService<IOptions<HttpBlockOptions>>().Value.ConnectTimeout);
        Assert.Equal("sqlite://s.sqlite", services.GetRequiredService<IOptions<SqlBlockOptions>>().Value.Connections["SHOP"].ConnectionString);
        (await blocks["fs.blob_put"].RunAsync("""{"path": "f", "content": "x"}""")).Outputs();
        Assert.True(File.Exists(Path.Combine(folder.Path, "tenant-a", "f")));

        // A database lies beside the tenant's files unless Sql:Root says otherwise.
        await blocks["sql.query"].InitAsync(CancellationToken.None);
        (await blocks["sql.query"].RunAsync("""{"connection": "shop", "query": "CREATE TABLE t (x)"}""", BlockRun.Context("tenant-a", SqlQueryBlock.WriteScope))).Outputs();
        Assert.True(File.Exists(Path.Combine(folder.Path, "tenant-a", "s.sqlite")));
    }

    [Theory]
    [InlineData("Http:ConnectTimeout", "00:00:00")]
    [InlineData("Http:MaxRedirects", "-1")]
    [InlineData("Http:Egress:Allow:0", "not a host")]
    [InlineData("Fs:Threads", "0")]
    [InlineData("Fs:Root", "")]
    [InlineData("Sql:MaxRows", "0")]
    [InlineData("Sql:MaxQueryTime", "00:00:00")]
    public void A_setting_that_cannot_be_is_named_at_the_start(string name, string value)
    {
        using var services = Services(new() { [name] = value });
        var failure = Assert.ThrowsAny<Exception>(() => services.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains(name.EndsWith(":0", StringComparison.Ordinal) ? name[..^2] : name, failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http.request", """{"url": "http://127.0.0.1:1/"}""")]
    [InlineData("fs.blob_put", """{"path": "f", "content": "x"}""")]
    [InlineData("sql.query", """{"connection_string": "sqlite://s.sqlite", "query": "CREATE TABLE t (x)"}""")]
    public async Task A_dry_run_has_no_effect(string type, string inputs)
    {
        using var folder = new TemporaryFolder();
        await using var services = Services(new() { ["Fs:Root"] = folder.Path, ["Http:Egress:Allow:0"] = "127.0.0.1" });
        var block = services.GetServices<IBlockExecutor>().Single(block => block.Type == type);
        var outcome = await block.ExecuteAsync(
            BlockRun.Request(type, inputs) with { DryRun = true }, BlockRun.Context("tenant-a", SqlQueryBlock.WriteScope), TestContext.Current.CancellationToken);
        Assert.Equal("dry_run_not_offered", outcome.Reason(ErrorCode.InvalidInput));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task The_process_closes_its_own_ports_and_its_sidecars_to_requests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["DAPR_HTTP_PORT"] = "3501", ["DAPR_GRPC_ENDPOINT"] = "http://127.0.0.1:50007", ["Nats:Url"] = "nats://127.0.0.1:4222" });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<PlatformPorts>();
        builder.Services.AddHostedService<PlatformPortsFiller>();
        await using var app = builder.Build();
        await app.StartAsync(TestContext.Current.CancellationToken);
        var ports = app.Services.GetRequiredService<PlatformPorts>();
        Assert.All([3501, 50007, 4222, new Uri(app.Urls.First()).Port], port => Assert.True(ports.Contains(port)));
        Assert.False(ports.Contains(1));
    }

    private static ServiceProvider Services(Dictionary<string, string?> settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<IConfiguration>(configuration);
        services.AddIoExecutor(configuration);
        return services.BuildServiceProvider();
    }
}
