using System.Net;
using System.Text;
using System.Text.Json;

namespace Beamline.DaprAccess.Tests;

public class PublishTests
{
    private const string NoStream = """{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE","message":"error when publishing to topic nostream.x in pubsub js: nats: no response from stream"}""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_raw_message_goes_out_as_exactly_its_bytes()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();
        byte[] bytes = [0, 159, 146, 150, 255];

        await dapr.PublishEventAsync("beamline-bus", "caf.exec.result.v1", bytes, ct: Ct);

        var seen = Assert.Single(sidecar.Requests);
        Assert.Equal("POST /v1.0/publish/beamline-bus/caf.exec.result.v1?metadata.rawPayload=true", $"{seen.Method} {seen.Target}");
        Assert.Equal("application/json", seen.Headers["Content-Type"]);
        Assert.Equal(bytes, seen.Body);
    }

    [Fact]
    public async Task Without_raw_the_sidecar_is_left_to_wrap_the_message()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();

        await dapr.PublishEventAsync("js", "beamline.ev", "{}"u8.ToArray(), raw: false, ct: Ct);

        Assert.Equal("/v1.0/publish/js/beamline.ev", sidecar.Requests[0].Target);
    }

    [Fact]
    public async Task A_refused_publish_says_what_and_why()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(500, NoStream);
        using var dapr = sidecar.Client();

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.PublishEventAsync("js", "nostream.x", "{}"u8.ToArray(), ct: Ct));

        Assert.Equal((HttpStatusCode.InternalServerError, "ERR_PUBSUB_PUBLISH_MESSAGE"), (failure.StatusCode!.Value, failure.ErrorCode));
        Assert.Contains("publish to nostream.x on js", failure.Message);
        Assert.Contains("no response from stream", failure.Message);
    }

    [Fact]
    public async Task Bulk_entries_travel_as_base64_so_that_big_integers_and_key_order_survive()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();
        const string Exact = """{"z":9007199254740993,"a":"<&>"}""";

        var response = await dapr.BulkPublishEventAsync("js", "t", [new("1", Encoding.UTF8.GetBytes(Exact))], ct: Ct);

        Assert.True(response.IsSuccess);
        Assert.Equal("/v1.0/publish/bulk/js/t?metadata.rawPayload=true", sidecar.Requests[0].Target);
        var entry = JsonDocument.Parse(sidecar.Requests[0].Body).RootElement[0];
        Assert.Equal("1", entry.GetProperty("entryId").GetString());
        Assert.Equal("application/octet-stream", entry.GetProperty("contentType").GetString());
        Assert.Equal(Exact, Encoding.UTF8.GetString(entry.GetProperty("event").GetBytesFromBase64()));
    }

    [Fact]
    public async Task A_partial_failure_names_its_entries()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(500, """{"failedEntries":[{"entryId":"big","error":"nats: maximum payload exceeded"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}""");
        using var dapr = sidecar.Client();

        var response = await dapr.BulkPublishEventAsync("js", "t", [new("ok", "1"u8.ToArray()), new("big", "2"u8.ToArray())], ct: Ct);

        Assert.Equal([new BulkPublishResponseFailedEntry("big", "nats: maximum payload exceeded")], response.FailedEntries);
    }

    [Fact]
    public async Task A_bulk_that_fails_as_a_whole_throws()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(404, """{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"pubsub nope is not found"}""");
        using var dapr = sidecar.Client();

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.BulkPublishEventAsync("nope", "t", [new("1", "1"u8.ToArray())], ct: Ct));

        Assert.Equal("ERR_PUBSUB_NOT_FOUND", failure.ErrorCode);
    }

    [Fact]
    public async Task An_empty_bulk_asks_nobody()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(500);
        using var dapr = sidecar.Client();

        Assert.True((await dapr.BulkPublishEventAsync("js", "t", [], ct: Ct)).IsSuccess);
        Assert.Empty(sidecar.Requests);
    }

    [Theory]
    [InlineData(3_200_000)]
    [InlineData(30_000_000)]
    public async Task More_than_the_sidecar_takes_is_refused_before_it_is_sent(int bytes)
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();

        var refused = await Assert.ThrowsAsync<ArgumentException>(() => dapr.BulkPublishEventAsync("js", "t", [new("1", new byte[bytes])], ct: Ct));

        Assert.Contains("4194304", refused.Message);
        Assert.Empty(sidecar.Requests);
    }
}
