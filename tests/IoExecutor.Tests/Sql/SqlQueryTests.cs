using Beamline.Contracts.Errors;
using Beamline.IoExecutor.Blocks.Sql;
using Beamline.TestKit.Blocks;

namespace Beamline.IoExecutor.Tests.Sql;

public sealed class SqlQueryTests
{
    [Fact]
    public async Task Rows_come_as_objects_with_their_columns_and_count()
    {
        using var sql = await SqlFixture.WithShopAsync();
        var outputs = (await sql.RunAsync("SELECT id, name, price FROM items WHERE id >= 4 ORDER BY id")).Outputs();
        Assert.Equal("""[{"id":4,"name":"four","price":4.5},{"id":5,"name":"five","price":null}]""", outputs.GetProperty("rows").GetRawText());
        Assert.Equal("""["id","name","price"]""", outputs.GetProperty("columns").GetRawText());
        Assert.Equal(2, outputs.GetProperty("row_count").GetInt32());
        Assert.False(outputs.GetProperty("truncated").GetBoolean());
    }

    [Theory]
    [InlineData("SELECT 9223372036854775807 AS v", "9223372036854775807")]
    [InlineData("SELECT -9223372036854775807 - 1 AS v", "-9223372036854775808")]
    [InlineData("SELECT x'00ff' AS v", """{"base64":"AP8="}""")]
    [InlineData("SELECT CAST(x'ff' AS TEXT) AS v", """{"base64":"/w=="}""")]
    [InlineData("SELECT 1e999 AS v", "\"Infinity\"")]
    [InlineData("SELECT 'a' || char(0) || 'b' AS v", "\"a\\u0000b\"")]
    [InlineData("SELECT '' AS v", "\"\"")]
    [InlineData("SELECT NULL AS v", "null")]
    public async Task Every_kind_of_value_survives(string query, string json)
    {
        using var sql = await SqlFixture.WithShopAsync();
        var row = (await sql.RunAsync(query)).Outputs().GetProperty("rows")[0];
        Assert.Equal(json, row.GetProperty("v").GetRawText());
    }

    [Fact]
    public async Task Two_columns_of_one_name_are_both_there()
    {
        using var sql = await SqlFixture.WithShopAsync();
        var outputs = (await sql.RunAsync("SELECT 1 AS id, 2 AS id")).Outputs();
        Assert.Equal("""[{"id":1,"id_2":2}]""", outputs.GetProperty("rows").GetRawText());
    }

    [Theory]
    [InlineData("SELECT ? AS v, ? AS w", "[5, null]", """{"v":5,"w":null}""")]
    [InlineData("SELECT :a AS v, @b AS w, $c AS x", """{"a": true, "b": 1.5, "c": "t"}""", """{"v":1,"w":1.5,"x":"t"}""")]
    [InlineData("SELECT typeof(?) AS v", "[2.0]", """{"v":"real"}""")]
    [InlineData("SELECT typeof(?) AS v, ?1 AS w", """[{"base64": "AP8="}]""", """{"v":"blob","w":{"base64":"AP8="}}""")]
    [InlineData("SELECT ? AS v", """["'; DROP TABLE items; --"]""", """{"v":"'; DROP TABLE items; --"}""")]
    [InlineData("SELECT ? AS v", "[9223372036854775807]", """{"v":9223372036854775807}""")]
    public async Task Parameters_are_typed_and_never_text_of_the_query(string query, string parameters, string row)
    {
        using var sql = await SqlFixture.WithShopAsync();
        var outputs = (await sql.RunAsync(query, more: $"\"parameters\": {parameters}")).Outputs();
        Assert.Equal(row, outputs.GetProperty("rows")[0].GetRawText());
    }

    [Theory]
    [InlineData("SELECT ?", "[]", ErrorCode.InvalidInput)]
    [InlineData("SELECT ?", "[1, 2]", ErrorCode.InvalidInput)]
    [InlineData("SELECT ?", "null", ErrorCode.MissingRequiredField)]
    [InlineData("SELECT :a", "{}", ErrorCode.MissingRequiredField)]
    [InlineData("SELECT :a", """{"a": 1, "b": 2}""", ErrorCode.InvalidInput)]
    [InlineData("SELECT ?", """{"a": 1}""", ErrorCode.MissingRequiredField)]
    [InlineData("SELECT ?", "5", ErrorCode.InvalidInput)]
    [InlineData("SELECT ?", "[[1]]", ErrorCode.InvalidInput)]
    [InlineData("SELECT ?", "[18446744073709551616]", ErrorCode.InvalidInput)]
    [InlineData("SELECT ?", """[{"base64": "?"}]""", ErrorCode.InvalidInput)]
    public async Task Parameters_that_do_not_fit_the_query_are_named(string query, string parameters, ErrorCode code)
    {
        using var sql = await SqlFixture.WithShopAsync();
        var outcome = await sql.RunAsync(query, more: $"\"parameters\": {parameters}");
        Assert.Equal(code, outcome.Code);
        Assert.Contains("parameters", outcome.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_beyond_the_limits_are_left_out_and_truncated_says_so()
    {
        using var sql = await SqlFixture.WithShopAsync(options => options.MaxRows = 3);
        var byRows = (await sql.RunAsync("SELECT id FROM items")).Outputs();
        Assert.Equal(3, byRows.GetProperty("row_count").GetInt32());
        Assert.True(byRows.GetProperty("truncated").GetBoolean());
        Assert.False((await sql.RunAsync("SELECT id FROM items LIMIT 3")).Outputs().GetProperty("truncated").GetBoolean());
        var byWish = (await sql.RunAsync("SELECT id FROM items ORDER BY id", more: "\"max_rows\": 1")).Outputs();
        Assert.Equal("""[{"id":1}]""", byWish.GetProperty("rows").GetRawText());
        var byBytes = (await sql.RunAsync("SELECT hex(zeroblob(500)) AS v FROM items", maxOutputBytes: 4_000)).Outputs();
        Assert.Equal(2, byBytes.GetProperty("row_count").GetInt32());
        Assert.True(byBytes.GetProperty("truncated").GetBoolean());
    }

    [Fact]
    public async Task Writing_needs_the_scope_and_tells_how_many_rows_changed()
    {
        using var sql = await SqlFixture.WithShopAsync();
        Assert.Equal(ErrorCode.PermissionDenied, (await sql.RunAsync("UPDATE items SET price = 0")).Code);
        var outputs = (await sql.RunAsync("UPDATE items SET price = 0 WHERE id < 3", SqlFixture.Writer)).Outputs();
        Assert.Equal(2, outputs.GetProperty("row_count").GetInt32());
        Assert.Equal("[]", outputs.GetProperty("rows").GetRawText());
        var returned = (await sql.RunAsync("DELETE FROM items RETURNING id", SqlFixture.Writer, "\"max_rows\": 1")).Outputs();
        Assert.True(returned.GetProperty("truncated").GetBoolean());
        Assert.Equal(0, (await sql.RunAsync("SELECT count(*) AS n FROM items")).Outputs().GetProperty("rows")[0].GetProperty("n").GetInt32());
    }

    [Fact]
    public async Task A_broken_constraint_is_not_retried()
    {
        using var sql = await SqlFixture.WithShopAsync();
        var outcome = await sql.RunAsync("INSERT INTO items (name) VALUES ('one')", SqlFixture.Writer);
        Assert.Equal("constraint", outcome.Reason(ErrorCode.ExecutionFailed));
        Assert.False(outcome.Retryable);
    }

    [Fact]
    public async Task A_lock_that_another_holds_is_2002_and_retryable()
    {
        using var sql = await SqlFixture.WithShopAsync(options => options.BusyTimeout = TimeSpan.Zero);
        using var other = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(sql.Root, "tenant-a", "shop.sqlite")};Pooling=False");
        other.Open();
        using var transaction = other.BeginTransaction(deferred: false);
        var outcome = await sql.RunAsync("UPDATE items SET price = 1", SqlFixture.Writer);
        Assert.Equal("locked", outcome.Reason(ErrorCode.ResourceUnavailable));
        Assert.True(outcome.Retryable);
    }

    [Fact]
    public async Task Cancellation_interrupts_an_endless_query_within_100_ms_and_frees_the_thread()
    {
        using var sql = await SqlFixture.WithShopAsync(options => options.Threads = 1);
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        long started = 0;
        await using var noted = stop.Token.Register(() => started = TimeProvider.System.GetTimestamp());
        var running = sql.RunUntilAsync("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", stop.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.True((await sql.RunAsync("SELECT 1")).IsOk);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromMilliseconds(200));
    }

    [Fact]
    public async Task A_query_that_joins_forever_ends_at_the_settings_time()
    {
        using var sql = await SqlFixture.WithShopAsync(options => options.MaxQueryTime = TimeSpan.FromMilliseconds(200));
        var outcome = await sql.RunAsync(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT count(*) FROM n a JOIN n b ON a.i <> b.i JOIN n c ON c.i <> b.i");
        Assert.Equal("query_too_long", outcome.Reason(ErrorCode.ExecutionFailed));
        Assert.False(outcome.Retryable);
    }

    [Fact]
    public async Task A_named_connection_is_the_tenants_that_it_names()
    {
        using var sql = await SqlFixture.WithShopAsync(options => options.Connections["shop"] = new SqlConnectionOptions { ConnectionString = "sqlite://shop.sqlite", Tenants = ["tenant-a"] });
        const string Inputs = """{"connection": "shop", "query": "SELECT 1"}""";
        Assert.True((await sql.Block.RunAsync(Inputs)).IsOk);
        Assert.Equal(ErrorCode.InvalidInput, (await sql.Block.RunAsync(Inputs, BlockRun.Context("tenant-b"))).Code);
    }

    [Theory]
    [InlineData("""{"query": "SELECT 1"}""", ErrorCode.MissingRequiredField)]
    [InlineData("""{"connection_string": "sqlite://shop.sqlite"}""", ErrorCode.MissingRequiredField)]
    [InlineData("""{"connection_string": "sqlite://shop.sqlite", "connection": "shop", "query": "SELECT 1"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"connection": "none", "query": "SELECT 1"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"connection_string": "postgres://x", "query": "SELECT 1"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"connection_string": "sqlite://shop.sqlite?mode=rwc", "query": "SELECT 1"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"connection_string": "sqlite://shop.sqlite", "query": "SELEC 1"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"connection_string": "sqlite://shop.sqlite", "query": "SELECT * FROM nothing"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"connection_string": "sqlite://shop.sqlite", "query": " -- nothing"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"connection_string": "sqlite://none.sqlite", "query": "SELECT 1"}""", ErrorCode.ExecutionFailed)]
    public async Task Bad_inputs_are_told_and_never_retried(string inputs, ErrorCode code)
    {
        using var sql = await SqlFixture.WithShopAsync();
        var outcome = await sql.Block.RunAsync(inputs);
        Assert.Equal(code, outcome.Code);
        Assert.False(outcome.Retryable);
    }
}
