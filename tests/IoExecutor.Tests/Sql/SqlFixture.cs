using Beamline.ExecutorHost.Blocks;
using Beamline.IoExecutor.Blocks.Files;
using Beamline.IoExecutor.Blocks.Sql;
using Beamline.TestKit;
using Beamline.TestKit.Blocks;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Tests.Sql;

/// <summary>sql.query on a root of the test's own, with <c>shop.sqlite</c> of tenant-a: five items.</summary>
internal sealed class SqlFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SqlFixture(Action<SqlBlockOptions>? configure = null)
    {
        var options = new SqlBlockOptions { Root = _folder.Path };
        configure?.Invoke(options);
        Block = new SqlQueryBlock(Options.Create(options), Options.Create(new FileBlockOptions()));
    }

    public static BlockContext Writer { get; } = BlockRun.Context("tenant-a", SqlQueryBlock.WriteScope);

    public SqlQueryBlock Block { get; }

    public string Root => _folder.Path;

    public static async Task<SqlFixture> WithShopAsync(Action<SqlBlockOptions>? configure = null)
    {
        var fixture = new SqlFixture(configure);
        await fixture.Block.InitAsync(CancellationToken.None);
        (await fixture.RunAsync("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL, data BLOB)", Writer)).Outputs();
        (await fixture.RunAsync("INSERT INTO items (name, price) VALUES ('one', 1.5), ('two', 2.5), ('three', 3.5), ('four', 4.5), ('five', NULL)", Writer)).Outputs();
        return fixture;
    }

    /// <summary>Runs on the shop; <paramref name="more"/> are further inputs, as JSON members.</summary>
    public Task<BlockOutcome> RunAsync(string query, BlockContext? context = null, string more = "", int maxOutputBytes = 256 * 1024) =>
        RunUntilAsync(query, CancellationToken.None, context, more, maxOutputBytes);

    public Task<BlockOutcome> RunUntilAsync(string query, CancellationToken stop, BlockContext? context = null, string more = "", int maxOutputBytes = 256 * 1024) =>
        Block.RunUntilAsync(
            $$"""{"connection_string": "sqlite://shop.sqlite", "query": {{System.Text.Json.JsonSerializer.Serialize(query)}}{{(more.Length > 0 ? ", " + more : "")}}}""", stop, context, maxOutputBytes);

    public void Dispose()
    {
        Block.Dispose();
        _folder.Dispose();
    }
}
