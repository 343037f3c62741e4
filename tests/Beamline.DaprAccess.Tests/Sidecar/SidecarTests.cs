using System.Diagnostics;
using Microsoft.Extensions.Configuration;

namespace Beamline.DaprAccess.Tests;

public class SidecarTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Health_is_yes_no_and_no_for_nobody_there()
    {
        await using var ready = await RecordedSidecar.AnswersAsync(204);
        await using var starting = await RecordedSidecar.AnswersAsync(500, """{"errorCode":"ERR_HEALTH_NOT_READY","message":"dapr is not ready: [runtime]"}""");
        var gone = await RecordedSidecar.AnswersAsync(204);
        var address = gone.Address;
        await gone.DisposeAsync();
        using var up = ready.Client();
        using var notYet = starting.Client();
        using var nobody = ready.Client(options => options.HttpEndpoint = address);

        Assert.True(await up.CheckHealthAsync(Ct));
        Assert.True(await up.CheckOutboundHealthAsync(Ct));
        Assert.False(await notYet.CheckHealthAsync(Ct));
        Assert.False(await nobody.CheckHealthAsync(Ct));
        Assert.Equal(["/v1.0/healthz", "/v1.0/healthz/outbound"], ready.Requests.Select(seen => seen.Target));
    }

    [Fact]
    public async Task Waiting_ends_when_the_sidecar_is_ready()
    {
        await using var sidecar = await RecordedSidecar.AnswersInTurnAsync((500, "", null), (500, "", null), (204, "", null));
        using var dapr = sidecar.Client();

        await dapr.WaitForSidecarAsync(TimeSpan.FromSeconds(30), Ct);

        Assert.Equal(3, sidecar.Requests.Count);
    }

    [Fact]
    public async Task Waiting_ends_with_an_error_when_it_never_is()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(500);
        using var dapr = sidecar.Client();

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.WaitForSidecarAsync(TimeSpan.FromMilliseconds(1), Ct));

        Assert.Contains("not ready within 0.001 s", failure.Message);
    }

    [Fact]
    public async Task Metadata_tells_the_components()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(200, """{"id":"app1","runtimeVersion":"1.18.3","enabledFeatures":[],"components":[{"name":"sfilem","type":"secretstores.local.file","version":"v1","capabilities":["MULTIPLE_KEY_VALUES_PER_SECRET"]}],"extended":{"daprRuntimeVersion":"1.18.3"},"actorRuntime":{"hostReady":false}}""");
        using var dapr = sidecar.Client();

        var metadata = await dapr.GetMetadataAsync(Ct);

        Assert.Equal(("app1", "1.18.3"), (metadata.Id, metadata.RuntimeVersion));
        Assert.Equal("secretstores.local.file", Assert.Single(metadata.Components!).Type);
    }

    [Fact]
    public async Task Secrets_come_by_name()
    {
        await using var sidecar = await RecordedSidecar.AnswersInTurnAsync((200, """{"pass":"p1","user":"u1"}""", null), (200, """{"db":{"pass":"p1"},"token":{"token":"t"}}""", null));
        using var dapr = sidecar.Client();

        var one = await dapr.GetSecretAsync("sfile", "db:pass", Ct);
        var all = await dapr.GetBulkSecretAsync("sfile", Ct);

        Assert.Equal("u1", one["user"]);
        Assert.Equal("t", all["token"]["token"]);
        Assert.Equal(["/v1.0/secrets/sfile/db%3Apass", "/v1.0/secrets/sfile/bulk"], sidecar.Requests.Select(seen => seen.Target));
    }

    [Fact]
    public async Task Shutdown_is_posted()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();

        await dapr.ShutdownSidecarAsync(Ct);

        Assert.Equal(("POST", "/v1.0/shutdown"), (sidecar.Requests[0].Method, sidecar.Requests[0].Target));
    }

    [Fact]
    public async Task The_token_is_sent_and_never_told()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(401, "invalid api token\n");
        using var dapr = sidecar.Client(options => options.ApiToken = "sesame");

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.GetMetadataAsync(Ct));

        Assert.Equal("sesame", sidecar.Requests[0].Headers["dapr-api-token"]);
        Assert.Contains("401 invalid api token", failure.Message);
        Assert.DoesNotContain("sesame", failure.ToString());
    }

    [Fact]
    public async Task A_sidecar_that_does_not_answer_is_given_up_on_with_an_unknown_outcome()
    {
        await using var sidecar = await RecordedSidecar.RunsAsync(context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        using var dapr = sidecar.Client(options => options.CallTimeout = TimeSpan.FromMilliseconds(50));

        var failure = await Assert.ThrowsAsync<DaprException>(() => dapr.PublishEventAsync("js", "t", "1"u8.ToArray(), ct: Ct));

        Assert.Null(failure.StatusCode);
        Assert.Contains("within 0.05 s", failure.Message);
    }

    [Fact]
    public async Task The_callers_own_cancellation_stays_a_cancellation()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dapr.PublishEventAsync("js", "t", "1"u8.ToArray(), ct: new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_trace_context_crosses_the_hop_over_sockets_and_over_a_handler_of_the_hosts(bool ownHandler)
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var dapr = sidecar.Client(options => options.PrimaryHandlerFactory = ownHandler ? () => new SocketsHttpHandler { ActivityHeadersPropagator = null } : null);
        using var activity = new Activity("test").SetIdFormat(ActivityIdFormat.W3C).Start();

        await dapr.PublishEventAsync("js", "t", "1"u8.ToArray(), ct: Ct);

        Assert.Contains(activity.TraceId.ToHexString(), sidecar.Requests[0].Headers["traceparent"]);
    }

    [Theory]
    [InlineData("DAPR_HTTP_ENDPOINT", "localhost:3500", "expected an http or https address")]
    [InlineData("DAPR_HTTP_PORT", "70000", "expected a port number")]
    [InlineData("DAPR_HTTP_PORT", "-1", "expected a port number")]
    public void A_wrong_address_is_named_at_the_start(string name, string value, string text)
    {
        var configuration = Configuration((name, value));

        var failure = Assert.Throws<InvalidOperationException>(() => DaprClientRegistration.Create(new DaprClientOptions(), configuration, TimeProvider.System));

        Assert.Contains(name, failure.Message);
        Assert.Contains(text, failure.Message);
    }

    [Fact]
    public void Options_that_cannot_be_are_all_named_at_once()
    {
        var options = new DaprClientOptions { HttpEndpoint = new Uri("ftp://x"), CallTimeout = TimeSpan.Zero, ConnectTimeout = TimeSpan.FromSeconds(-1), MaxAnswerBytes = 0 };

        var failure = Assert.Throws<InvalidOperationException>(() => DaprClientRegistration.Create(options, null, TimeProvider.System));

        Assert.All(
            [nameof(options.HttpEndpoint), nameof(options.CallTimeout), nameof(options.ConnectTimeout), nameof(options.MaxAnswerBytes)],
            name => Assert.Contains(name, failure.Message));
    }

    [Fact]
    public async Task The_endpoint_wins_over_the_port_and_both_come_from_the_configuration()
    {
        await using var sidecar = await RecordedSidecar.AnswersAsync(204);
        using var byEndpoint = DaprClientRegistration.Create(new DaprClientOptions(), Configuration(("DAPR_HTTP_ENDPOINT", sidecar.Address.ToString()), ("DAPR_HTTP_PORT", "1")), TimeProvider.System);
        using var byPort = DaprClientRegistration.Create(new DaprClientOptions(), Configuration(("DAPR_HTTP_PORT", $"{sidecar.Address.Port}"), ("DAPR_API_TOKEN", "sesame")), TimeProvider.System);

        Assert.True(await byEndpoint.CheckHealthAsync(Ct));
        Assert.True(await byPort.CheckHealthAsync(Ct));
        Assert.Equal("sesame", sidecar.Requests[1].Headers["dapr-api-token"]);
    }

    private static IConfiguration Configuration(params (string Name, string Value)[] values) => new ConfigurationBuilder()
        .AddInMemoryCollection(values.Select(value => KeyValuePair.Create(value.Name, (string?)value.Value)))
        .Build();
}
