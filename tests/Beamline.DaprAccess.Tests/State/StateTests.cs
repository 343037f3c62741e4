using System.Text;

namespace Beamline.DaprAccess.Tests;

public class StateTests
{
    private const string Conflict = """{"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store sqlite: possible etag mismatch. error from state store"}""";
    private const string StoreBroke = """{"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store redis: connection reset"}""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_value_comes_with_its_etag()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(200, """{"a":1}""", ("Etag", "52c676a0"));
        using var dapr = sidecar.Client();

        var entry = await dapr.GetStateAsync("sqlite", "a/b", Ct);

        Assert.Equal(("""{"a":1}""", "52c676a0"), (Text(entry!.Value), entry.ETag));
        Assert.Equal("/v1.0/state/sqlite/a%2Fb", sidecar.Requests[0].Target);
    }

    [Fact]
    public async Task A_missing_key_is_null()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();

        Assert.Null(await dapr.GetStateAsync("sqlite", "none", Ct));
    }

    [Fact]
    public async Task A_bulk_get_keeps_each_value_as_it_was_written()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(200, """[{"key":"k1","data":{"a": 9007199254740993},"etag":"b5"},{"key":"k2","data":"text","etag":"9b"},{"key":"none"},{"key":"bad","error":"boom"}]""");
        using var dapr = sidecar.Client();

        var items = await dapr.GetBulkStateAsync("sqlite", ["k1", "k2", "none", "bad"], Ct);

        Assert.Equal("""{"keys":["k1","k2","none","bad"]}""", sidecar.Requests[0].Text);
        Assert.Equal(
            [("k1", """{"a": 9007199254740993}""", "b5", null), ("k2", "\"text\"", "9b", null), ("none", null, null, null), ("bad", null, null, "boom")],
            items.Select(item => (item.Key, item.Value is { } value ? Text(value) : null, item.ETag, item.Error)));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("nonsense")]
    [InlineData("""[{"data":1}]""")]
    public async Task A_bulk_answer_of_another_form_is_an_error_of_the_sidecar(string body)
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(200, body);
        using var dapr = sidecar.Client();

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.GetBulkStateAsync("s", ["k"], Ct));

        Assert.Contains("cannot be read", failure.Message);
    }

    [Fact]
    public async Task Saving_sends_etag_concurrency_and_time_to_live()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();

        await dapr.SaveBulkStateAsync("sqlite", [new("a", Json("{\"v\":1}"), "e1", ConcurrencyMode.FirstWrite, 100), new("b", Json("2"))], Ct);

        Assert.Equal(
            """[{"key":"a","value":{"v":1},"etag":"e1","options":{"concurrency":"first-write"},"metadata":{"ttlInSeconds":"100"}},{"key":"b","value":2}]""",
            sidecar.Requests[0].Text);
    }

    [Fact]
    public async Task The_first_writer_wins()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();

        Assert.True(await dapr.TrySaveStateAsync("sqlite", new("k", Json("1")), Ct));
        Assert.Contains("first-write", sidecar.Requests[0].Text);
    }

    [Theory]
    [InlineData(409, Conflict)]
    [InlineData(500, StoreBroke)]
    public async Task Someone_elses_value_behind_the_refusal_means_too_late(int status, string body)
    {
        await using var sidecar = await RecordedSidecar.AnswersInTurnAsync((status, body, null), (200, """{"by":"other"}""", "e9"));
        using var dapr = sidecar.Client();

        Assert.False(await dapr.TrySaveStateAsync("s", new("k", Json("""{"by":"me"}""")), Ct));
    }

    [Theory]
    [InlineData(409, Conflict)]
    [InlineData(500, StoreBroke)]
    public async Task The_own_value_behind_the_refusal_means_saved(int status, string body)
    {
        await using var sidecar = await RecordedSidecar.AnswersInTurnAsync((status, body, null), (200, """{ "n":1, "by":"me" }""", "e9"));
        using var dapr = sidecar.Client();

        Assert.True(await dapr.TrySaveStateAsync("s", new("k", Json("""{"by":"me","n":1}""")), Ct));
    }

    [Fact]
    public async Task A_store_that_broke_without_storing_anything_is_an_error_not_an_answer()
    {
        await using var sidecar = await RecordedSidecar.AnswersInTurnAsync((500, StoreBroke, null), (204, "", null));
        using var dapr = sidecar.Client();

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.TrySaveStateAsync("redis", new("k", Json("1")), Ct));

        Assert.Contains("connection reset", failure.Message);
    }

    [Fact]
    public async Task A_wrong_request_is_not_read_back()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(400, """{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store nope is not found"}""");
        using var dapr = sidecar.Client();

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.TrySaveStateAsync("nope", new("k", Json("1")), Ct));

        Assert.Equal("ERR_STATE_STORE_NOT_FOUND", failure.ErrorCode);
        Assert.Single(sidecar.Requests);
    }

    [Fact]
    public async Task A_transaction_holds_its_operations_in_order()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();

        await dapr.ExecuteStateTransactionAsync("sqlite", [new("tx1", Json("{\"a\":1}")), new("k2", default, StateOperationType.Delete, "e2")], Ct);

        Assert.Equal("/v1.0/state/sqlite/transaction", sidecar.Requests[0].Target);
        Assert.Equal(
            """{"operations":[{"operation":"upsert","request":{"key":"tx1","value":{"a":1}}},{"operation":"delete","request":{"key":"k2","etag":"e2"}}]}""",
            sidecar.Requests[0].Text);
    }

    [Fact]
    public async Task A_transaction_that_met_another_etag_is_told_apart_though_it_answers_500()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(500, """{"errorCode":"ERR_STATE_TRANSACTION","message":"error while executing state transaction: possible etag mismatch. error from state store"}""");
        using var dapr = sidecar.Client();

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.ExecuteStateTransactionAsync("s", [new("k", Json("1"), ETag: "old")], Ct));

        Assert.True(failure.IsETagMismatch);
    }

    [Fact]
    public async Task Deleting_with_an_old_etag_says_no()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(409, """{"errorCode":"ERR_STATE_DELETE","message":"failed deleting state with key k1: possible etag mismatch. error from state store"}""");
        using var dapr = sidecar.Client();

        Assert.False(await dapr.TryDeleteStateAsync("sqlite", "k1", "52c6", Ct));
        Assert.Equal(("DELETE", "52c6"), (sidecar.Requests[0].Method, sidecar.Requests[0].Headers["If-Match"]));
    }

    private static byte[] Json(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
