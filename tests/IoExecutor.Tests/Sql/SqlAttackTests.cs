using Beamline.Contracts.Errors;
using Beamline.TestKit.Blocks;

namespace Beamline.IoExecutor.Tests.Sql;

public sealed class SqlAttackTests
{
    // Refused for everybody, the scope for writing included.
    [Theory]
    [InlineData("ATTACH '/tmp/beamline-attack.db' AS other")]
    [InlineData("ATTACH 'file:/tmp/beamline-attack.db?mode=rwc' AS other")]
    [InlineData("DETACH main")]
    [InlineData("VACUUM INTO '/tmp/beamline-attack.db'")]
    [InlineData("SELECT load_extension('/tmp/evil.so')")]
    [InlineData("SELECT LOAD_EXTENSION('x', 'y')")]
    [InlineData("SELECT readfile('/etc/passwd')")]
    [InlineData("SELECT writefile('/tmp/x', 'y')")]
    [InlineData("SELECT fts3_tokenizer('simple')")]
    [InlineData("SELECT printf('%.*c', 1000000000, 'x')")]
    [InlineData("SELECT format('%1000000000d', 1)")]
    [InlineData("PRAGMA journal_mode = OFF")]
    [InlineData("PRAGMA journal_mode(DELETE)")]
    [InlineData("PRAGMA synchronous = 0")]
    [InlineData("PRAGMA writable_schema = 1")]
    [InlineData("PRAGMA trusted_schema = 1")]
    [InlineData("PRAGMA temp_store_directory = '/etc'")]
    [InlineData("PRAGMA data_store_directory = '/etc'")]
    [InlineData("PRAGMA database_list")]
    [InlineData("PRAGMA user_version = 5")]
    [InlineData("PRAGMA max_page_count = 1000000000")]
    [InlineData("PRAGMA hard_heap_limit = 0")]
    [InlineData("PRAGMA soft_heap_limit = 1")]
    [InlineData("PRAGMA threads = 8")]
    [InlineData("PRAGMA mmap_size = 1000000000")]
    [InlineData("PRAGMA wal_checkpoint")]
    [InlineData("PRAGMA locking_mode = EXCLUSIVE")]
    [InlineData("PRAGMA main.page_size = 512")]
    [InlineData("PRAGMA busy_timeout = 999999")]
    [InlineData("SELECT * FROM pragma_database_list")]
    [InlineData("BEGIN")]
    [InlineData("BEGIN EXCLUSIVE")]
    [InlineData("COMMIT")]
    [InlineData("SAVEPOINT s")]
    [InlineData("CREATE TEMP TABLE t (x)")]
    [InlineData("CREATE TEMP VIEW v AS SELECT 1")]
    [InlineData("CREATE VIRTUAL TABLE t USING fts5(x)")]
    [InlineData("CREATE VIRTUAL TABLE t USING csv(filename='/etc/passwd')")]
    [InlineData("UPDATE sqlite_master SET sql = 'x'")]
    [InlineData("DELETE FROM sqlite_schema")]
    public async Task What_reaches_out_of_the_one_file_is_refused_even_with_the_scope(string query)
    {
        using var sql = await SqlFixture.WithShopAsync();
        foreach (var context in new[] { SqlFixture.Writer, BlockRun.Context() })
        {
            var outcome = await sql.RunAsync(query, context);
            Assert.Contains(outcome.Code, new[] { ErrorCode.PermissionDenied, ErrorCode.InvalidInput });
            Assert.False(outcome.Retryable);
        }

        Assert.False(File.Exists("/tmp/beamline-attack.db"));
        await Intact(sql);
    }

    [Theory]
    [InlineData("INSERT INTO items (name) VALUES ('x')")]
    [InlineData("UPDATE items SET name = 'x'")]
    [InlineData("DELETE FROM items")]
    [InlineData("REPLACE INTO items (id, name) VALUES (1, 'x')")]
    [InlineData("WITH w AS (SELECT 1) DELETE FROM items")]
    [InlineData("DELETE FROM items RETURNING *")]
    [InlineData("CREATE TABLE t (x)")]
    [InlineData("CREATE TABLE t AS SELECT * FROM items")]
    [InlineData("CREATE INDEX i ON items (price)")]
    [InlineData("CREATE VIEW v AS SELECT 1")]
    [InlineData("CREATE TRIGGER t AFTER INSERT ON items BEGIN DELETE FROM items; END")]
    [InlineData("DROP TABLE items")]
    [InlineData("ALTER TABLE items RENAME TO other")]
    [InlineData("ALTER TABLE items ADD COLUMN x")]
    [InlineData("REINDEX")]
    [InlineData("ANALYZE")]
    [InlineData("VACUUM")]
    [InlineData("EXPLAIN DELETE FROM items")]
    public async Task Without_the_scope_nothing_is_changed(string query)
    {
        using var sql = await SqlFixture.WithShopAsync();
        Assert.Equal(ErrorCode.PermissionDenied, (await sql.RunAsync(query)).Code);
        await Intact(sql);
    }

    [Theory]
    [InlineData("SELECT 1; DROP TABLE items")]
    [InlineData("SELECT 1; SELECT 2")]
    [InlineData("SELECT 1;; ; SELECT 2")]
    [InlineData("SELECT 1; -- comment\n DELETE FROM items")]
    [InlineData("SELECT 1; /* c */ ATTACH 'x' AS y")]
    [InlineData("SELECT 1; garbage")]
    [InlineData(";")]
    [InlineData("")]
    [InlineData("SELECT 1\0; DROP TABLE items")]
    public async Task Anything_but_one_statement_is_refused(string query)
    {
        using var sql = await SqlFixture.WithShopAsync();
        Assert.Equal(ErrorCode.InvalidInput, (await sql.RunAsync(query, SqlFixture.Writer)).Code);
        await Intact(sql);
    }

    [Theory]
    [InlineData("SELECT 1;")]
    [InlineData("SELECT 1 ; -- the end")]
    [InlineData("/* a */ SELECT ';' /* b */ ; /* c */")]
    public async Task Comments_and_semicolons_around_one_statement_are_fine(string query)
    {
        using var sql = await SqlFixture.WithShopAsync();
        Assert.True((await sql.RunAsync(query)).IsOk);
    }

    [Theory]
    [InlineData("PRAGMA table_info(items)")]
    [InlineData("PRAGMA user_version")]
    [InlineData("PRAGMA index_list('items')")]
    [InlineData("SELECT * FROM pragma_table_info('items')")]
    [InlineData("SELECT value FROM json_each('[1,2]')")]
    [InlineData("EXPLAIN QUERY PLAN SELECT * FROM items")]
    public async Task Asking_about_the_schema_is_allowed(string query)
    {
        using var sql = await SqlFixture.WithShopAsync();
        (await sql.RunAsync(query)).Outputs();
    }

    [Theory]
    [InlineData("SELECT randomblob(1000000000)")]
    [InlineData("SELECT zeroblob(1000000000)")]
    [InlineData("SELECT replace(hex(zeroblob(1000000)), '00', hex(zeroblob(1000)))")]
    [InlineData("WITH RECURSIVE n(s) AS (SELECT 'xxxxxxxxxx' UNION ALL SELECT s || s || s || s FROM n) SELECT max(length(s)) FROM n")]
    public async Task A_value_that_would_fill_the_memory_is_cut_off(string query)
    {
        using var sql = await SqlFixture.WithShopAsync();
        Assert.Equal("value_too_large", (await sql.RunAsync(query)).Reason(ErrorCode.ExecutionFailed));
    }

    [Fact]
    public async Task A_query_too_deep_or_too_long_to_compile_is_refused()
    {
        using var sql = await SqlFixture.WithShopAsync();
        foreach (var query in new[]
        {
            "SELECT " + new string('(', 5_000) + "1" + new string(')', 5_000),
            string.Join(" UNION ALL ", Enumerable.Repeat("SELECT 1", 500)),
            "SELECT '" + new string('x', 150_000) + "'",
        })
        {
            var outcome = await sql.RunAsync(query);
            Assert.False(outcome.IsOk);
            Assert.False(outcome.Retryable);
        }
    }

    [Fact]
    public async Task A_database_cannot_grow_over_the_setting()
    {
        using var sql = await SqlFixture.WithShopAsync(options => options.MaxDatabaseBytes = 256 * 1024);
        var outcome = await sql.RunAsync("INSERT INTO items (data) VALUES (zeroblob(1000000))", SqlFixture.Writer);
        Assert.Equal("full", outcome.Reason(ErrorCode.ResourceUnavailable));
        await Intact(sql);
    }

    [Theory]
    [InlineData("sqlite://../tenant-b/shop.sqlite")]
    [InlineData("sqlite:///../shop.sqlite")]
    [InlineData("sqlite:////etc/passwd")]
    [InlineData("sqlite://..%2fshop.sqlite")]
    [InlineData("sqlite://:memory:")]
    [InlineData("sqlite://file:shop.sqlite")]
    [InlineData("sqlite://shop.sqlite-journal")]
    [InlineData("sqlite://")]
    public async Task A_database_outside_the_tenants_root_is_2003(string connection)
    {
        using var sql = await SqlFixture.WithShopAsync();
        var outcome = await sql.Block.RunAsync($$"""{"connection_string": "{{connection}}", "query": "SELECT 1"}""", SqlFixture.Writer);
        Assert.Equal("path_refused", outcome.Reason(ErrorCode.PermissionDenied));
    }

    [Fact]
    public async Task A_link_or_a_folder_for_a_database_is_2003_and_a_text_file_is_no_database()
    {
        using var sql = await SqlFixture.WithShopAsync();
        var tenant = Path.Combine(sql.Root, "tenant-a");
        File.CreateSymbolicLink(Path.Combine(tenant, "link.sqlite"), Path.Combine(tenant, "shop.sqlite"));
        Directory.CreateDirectory(Path.Combine(tenant, "folder.sqlite"));
        await File.WriteAllTextAsync(Path.Combine(tenant, "text.sqlite"), new string('x', 10_000), TestContext.Current.CancellationToken);
        foreach (var name in new[] { "link", "folder" })
        {
            var outcome = await sql.Block.RunAsync($$"""{"connection_string": "sqlite://{{name}}.sqlite", "query": "SELECT 1"}""", SqlFixture.Writer);
            Assert.Equal("path_refused", outcome.Reason(ErrorCode.PermissionDenied));
        }

        var text = await sql.Block.RunAsync("""{"connection_string": "sqlite://text.sqlite", "query": "SELECT * FROM sqlite_master"}""");
        Assert.Equal("not_a_database", text.Reason(ErrorCode.ExecutionFailed));
    }

    private static async Task Intact(SqlFixture sql)
    {
        var outputs = (await sql.RunAsync("SELECT count(*) AS n, (SELECT count(*) FROM sqlite_master) AS s FROM items")).Outputs();
        Assert.Equal(5, outputs.GetProperty("rows")[0].GetProperty("n").GetInt32());
    }
}
