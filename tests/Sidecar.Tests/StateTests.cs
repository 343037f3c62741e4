using System.Net;

namespace Beamline.Sidecar.Tests;

public sealed class StateTests
{
    private static readonly string[] Stores =
    [
        TestSidecar.Component("sqlite", "state.sqlite", ("connectionString", "state.db")), TestSidecar.Component("memory", "state.in-memory"),
    ];

    [Theory]
    [InlineData("sqlite")]
    [InlineData("memory")]
    public async Task A_first_write_wins_and_a_stale_etag_loses(string store)
    {
        await using var test = await TestSidecar.StartAsync(Stores);
        var client = (await test.AddAsync("shop")).Client();
        const string first = """[{"key":"k","value":{"a":1},"options":{"concurrency":"first-write"}}]""";

        Assert.Equal(HttpStatusCode.NoContent, (await client.CallAsync(HttpMethod.Post, $"/v1.0/state/{store}", first)).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await client.CallAsync(HttpMethod.Post, $"/v1.0/state/{store}", first)).Status);
        var stored = await client.CallAsync(HttpMethod.Get, $"/v1.0/state/{store}/k");
        var etag = stored.Response.Headers.ETag?.ToString() ?? stored.Response.Headers.GetValues("ETag").Single();
        var second = $$"""[{"key":"k","value":2,"etag":"{{etag}}"}]""";
        Assert.Equal(HttpStatusCode.NoContent, (await client.CallAsync(HttpMethod.Post, $"/v1.0/state/{store}", second)).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await client.CallAsync(HttpMethod.Post, $"/v1.0/state/{store}", second)).Status);
        Assert.Equal("""{"a":1}""", stored.Body);
        Assert.Equal("2", (await client.CallAsync(HttpMethod.Get, $"/v1.0/state/{store}/k")).Body);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("memory")]
    public async Task A_value_is_gone_when_its_time_is_over(string store)
    {
        var time = new ManualTime();
        await using var test = await TestSidecar.StartAsync(Stores, time);
        var client = (await test.AddAsync("shop")).Client();
        await client.CallAsync(HttpMethod.Post, $"/v1.0/state/{store}", """[{"key":"t","value":1,"metadata":{"ttlInSeconds":"2"}}]""");

        time.Advance(TimeSpan.FromSeconds(1.9));
        var alive = await client.CallAsync(HttpMethod.Get, $"/v1.0/state/{store}/t");
        time.Advance(TimeSpan.FromSeconds(0.1));
        var gone = await client.CallAsync(HttpMethod.Get, $"/v1.0/state/{store}/t");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NoContent), (alive.Status, gone.Status));
        Assert.Equal("2026-11-20T12:00:02Z", alive.Response.Headers.GetValues("metadata.ttlExpireTime").Single());
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("memory")]
    public async Task A_transaction_stores_all_or_nothing(string store)
    {
        await using var test = await TestSidecar.StartAsync(Stores);
        var client = (await test.AddAsync("shop")).Client();
        await client.CallAsync(HttpMethod.Post, $"/v1.0/state/{store}", """[{"key":"old","value":1}]""");

        var failed = await client.CallAsync(HttpMethod.Post, $"/v1.0/state/{store}/transaction", """
            {"operations":[{"operation":"upsert","request":{"key":"new","value":1}},
                           {"operation":"upsert","request":{"key":"old","value":2,"etag":"stale"}}]}
            """);
        var bulk = await client.CallAsync(HttpMethod.Post, $"/v1.0/state/{store}/bulk", """{"keys":["new","old"]}""");

        Assert.Equal(HttpStatusCode.InternalServerError, failed.Status);
        Assert.StartsWith("""[{"key":"new"},{"key":"old","data":1,"etag":""", bulk.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task State_outlives_a_restart_and_belongs_to_its_app()
    {
        await using var test = await TestSidecar.StartAsync(Stores);
        await (await test.AddAsync("shop")).Client().CallAsync(HttpMethod.Post, "/v1.0/state/sqlite", """[{"key":"a/b","value":"x"}]""");

        await test.ReopenAsync();
        var mine = await (await test.AddAsync("shop")).Client().CallAsync(HttpMethod.Get, "/v1.0/state/sqlite/a%2Fb");
        var other = await (await test.AddAsync("other")).Client().CallAsync(HttpMethod.Get, "/v1.0/state/sqlite/a%2Fb");

        Assert.Equal("\"x\"", mine.Body);
        Assert.Equal(HttpStatusCode.NoContent, other.Status);
    }

    [Fact]
    public async Task While_the_state_is_away_every_call_says_so()
    {
        await using var test = await TestSidecar.StartAsync(Stores);
        var client = (await test.AddAsync("shop")).Client();

        test.Sidecar.Faults.State.Away();

        Assert.Equal(HttpStatusCode.InternalServerError, (await client.CallAsync(HttpMethod.Get, "/v1.0/state/sqlite/k")).Status);
        Assert.Equal(HttpStatusCode.InternalServerError, (await client.CallAsync(HttpMethod.Post, "/v1.0/state/memory", """[{"key":"k","value":1}]""")).Status);
    }
}
