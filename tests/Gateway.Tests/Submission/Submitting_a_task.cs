using System.Net;
using System.Text;
using System.Text.Json;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Gateway.Tests.Setup;

namespace Beamline.Gateway.Tests.Submission;

public sealed class Submitting_a_task
{
    [Fact]
    public async Task Ids_that_were_left_out_are_made_and_every_other_byte_stays()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var body = """ {"big":123456789012345678901234567890, "version" : "1","id":7,"executor":{"provider_id":"p"},"job":{"type":"crypto.hash","x":"\u00e9é"} } """;

        var answer = await gateway.SubmitAsync(body);

        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        var (id, request) = (answer.Text("assignment_id"), answer.Text("request_id"));
        Assert.Equal(("queued", "default", $"/v1/tasks/{id}"), (answer.Text("state"), answer.Text("tenant_id"), answer.Location));
        var made = $"\"assignment_id\":\"{id}\",\"request_id\":\"{request}\",\"tenant_id\":\"default\",";
        Assert.Equal(body.Trim().Insert(1, made), gateway.Scheduler.Admitted.Single().Trim());
    }

    [Fact]
    public async Task A_whole_assignment_goes_on_byte_for_byte()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        var body = Bodies.HashOf("a/b c");

        var answer = await gateway.SubmitAsync(body, "?tenant_id=other");

        Assert.Equal(body, gateway.Scheduler.Admitted.Single());
        Assert.Equal("/v1/tasks/a%2Fb%20c?tenant_id=t", answer.Location);
        Assert.Equal(AdmitSources.Gateway, gateway.Scheduler.Admissions.Single().Items.Single().Source);
    }

    [Fact]
    public async Task The_query_names_the_tenant_where_the_body_does_not()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        Assert.Equal("acme", (await gateway.SubmitAsync(Bodies.Hash(), "?tenant_id=acme")).Text("tenant_id"));
        Assert.Equal(["tenant_id 1003"], (await gateway.SubmitAsync(Bodies.Hash(), "?tenant_id=a.b")).Faults);
    }

    [Fact]
    public async Task The_trace_of_the_request_rides_in_the_payload()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

        await gateway.SubmitAsync(Bodies.HashOf("a"), "", ("traceparent", Trace));
        await gateway.SubmitAsync(Bodies.Hash("\"traceparent\":\"own\","), "", ("traceparent", Trace));

        Assert.Contains($"\"traceparent\":\"{Trace}\",", gateway.Scheduler.Admitted[0]);
        Assert.DoesNotContain(Trace, gateway.Scheduler.Admitted[1]);
    }

    [Fact]
    public async Task Every_fault_is_in_the_problem_and_the_scheduler_never_sees_the_task()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var answer = await gateway.SubmitAsync("""{"version":"2","flow_id":"","job":{"type":"no.such"}}""");

        Assert.Equal((HttpStatusCode.BadRequest, "application/problem+json"), (answer.Status, answer.MediaType));
        Assert.Equal(["version 1001", "flow_id 1003", "executor 1002", "job.type 1001"], answer.Faults);
        Assert.Equal(("invalid_input", 1001, 400), (answer.Text("code"), answer.Json.GetProperty("number").GetInt32(), answer.Json.GetProperty("status").GetInt32()));
        Assert.Empty(gateway.Scheduler.Admissions);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"version":"1","version":"1","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""")]
    [InlineData("""{"assignment_id":null,"version":"1","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""")]
    [InlineData("""{"tenant_id":"a.b","version":"1","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""")]
    public async Task Bad_bodies_are_400(string body)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var answer = await gateway.SubmitAsync(body);

        Assert.Equal((HttpStatusCode.BadRequest, "application/problem+json"), (answer.Status, answer.MediaType));
        Assert.NotEmpty(answer.Faults);
    }

    [Fact]
    public async Task Depth_and_foreign_encodings_are_400_and_pipes_and_foreign_ids_are_fine()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        Assert.Equal(HttpStatusCode.BadRequest, (await gateway.SubmitAsync($"{{\"a\":{new string('[', 5000)}{new string(']', 5000)}}}")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await gateway.PostAsync("/v1/tasks", Encoding.Latin1.GetBytes(Bodies.Hash("\"x\":\"é\",")))).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await gateway.SubmitAsync(Bodies.Hash("\"flow_id\":\"a||b\",\"id\":\"foreign\","))).Status);
    }

    [Fact]
    public async Task Sizes_are_bounded()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        static string Sized(int bytes) => Bodies.Hash($"\"pad\":\"{new string('x', bytes - Bodies.Hash().Length - 9)}\",");

        Assert.Equal(HttpStatusCode.Accepted, (await gateway.SubmitAsync(Sized(200_000))).Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await gateway.SubmitAsync(Sized(262_144))).Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await gateway.SubmitAsync(Sized(262_145))).Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await gateway.SubmitAsync(Sized(1_048_577))).Status);
        Assert.Equal(200_000, Encoding.UTF8.GetByteCount(Sized(200_000)));
        Assert.Single(gateway.Scheduler.Admissions);
    }

    [Fact]
    public async Task Ten_megabytes_in_chunks_are_413()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/tasks") { Content = new StreamContent(new MemoryStream(new byte[1_100_000])) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.TransferEncodingChunked = true;

        var answer = await gateway.SendAsync(request, []);

        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "application/problem+json"), (answer.Status, answer.MediaType));
    }

    [Fact]
    public async Task An_encoded_body_is_415()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/tasks") { Content = new StringContent(Bodies.Hash()) };
        request.Content.Headers.ContentType = new("application/json");
        request.Content.Headers.ContentEncoding.Add("gzip");

        var answer = await gateway.SendAsync(request, []);

        Assert.Equal((HttpStatusCode.UnsupportedMediaType, "Content-Encoding 1001"), (answer.Status, Assert.Single(answer.Faults)));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/jsonx")]
    [InlineData("application/json; charset=utf-16")]
    public async Task Another_content_type_is_415(string type)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/tasks") { Content = new StringContent(Bodies.Hash()) };
        request.Content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type);

        var answer = await gateway.SendAsync(request, []);

        Assert.Equal((HttpStatusCode.UnsupportedMediaType, "application/problem+json"), (answer.Status, answer.MediaType));
    }

    public static TheoryData<int, bool, HttpStatusCode, int?> Rejections => new()
    {
        { 1001, true, HttpStatusCode.Conflict, null },
        { 1001, false, HttpStatusCode.BadRequest, null },
        { 2003, false, HttpStatusCode.Forbidden, null },
        { 2004, false, HttpStatusCode.TooManyRequests, 2 },
        { 4002, false, HttpStatusCode.ServiceUnavailable, 2 },
    };

    [Theory]
    [MemberData(nameof(Rejections))]
    public async Task A_rejection_becomes_its_status(int code, bool conflict, HttpStatusCode status, int? retryAfterSeconds)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnAdmit = (_, _) => Task.FromResult(new AdmitResponse
        {
            Items = [new AdmitOutcome { Status = AdmitStatuses.Rejected, Conflict = conflict, Error = WireError.Of((ErrorCode)code, "no", retryAfterMs: 1500) }],
        });

        var answer = await gateway.SubmitAsync(Bodies.Hash());

        Assert.Equal(status, answer.Status);
        Assert.Equal(code, answer.Json.GetProperty("number").GetInt32());
        Assert.Equal(retryAfterSeconds, (int?)answer.RetryAfter?.TotalSeconds);
    }

    [Theory]
    [InlineData(true, long.MaxValue, 86_400)]
    [InlineData(true, -1L, 1)]
    [InlineData(false, null, null)]
    public async Task A_used_up_quota_names_the_limit_and_when_to_come_back_if_ever(bool retryable, long? retryAfterMs, int? seconds)
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnAdmit = (_, _) => Task.FromResult(new AdmitResponse
        {
            Items = [new AdmitOutcome
            {
                Status = AdmitStatuses.Rejected,
                Error = WireError.Of(ErrorCode.QuotaExceeded, "no", retryable, retryAfterMs: retryAfterMs, details: RawJson.FromString("""{"limit":"queued"}""")),
            }],
        });

        var answer = await gateway.SubmitAsync(Bodies.Hash());

        Assert.Equal((HttpStatusCode.TooManyRequests, seconds), (answer.Status, (int?)answer.RetryAfter?.TotalSeconds));
        Assert.Equal("queued", answer.Json.GetProperty("details").GetProperty("limit").GetString());
    }

    [Fact]
    public async Task What_the_scheduler_refuses_to_decide_is_503_and_never_goes_over_the_bus()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();
        gateway.Scheduler.OnAdmit = (_, _) => Task.FromResult(new AdmitResponse { Items = [new AdmitOutcome { Status = AdmitStatuses.Refused }] });

        var answer = await gateway.SubmitAsync(Bodies.Hash());

        Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (answer.Status, answer.RetryAfter > TimeSpan.Zero));
        Assert.Empty(gateway.Scheduler.Published);
    }

    [Fact]
    public async Task The_same_idempotency_key_makes_the_same_bytes()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        var first = await gateway.SubmitAsync(Bodies.Hash(), "", ("Idempotency-Key", "k1"));
        var again = await gateway.SubmitAsync(Bodies.Hash(), "", ("Idempotency-Key", "k1"));
        var other = await gateway.SubmitAsync(Bodies.Hash(), "", ("Idempotency-Key", "k2"));
        var tenant = await gateway.SubmitAsync(Bodies.Hash(), "?tenant_id=x", ("Idempotency-Key", "k1"));

        Assert.Equal(first.Body, again.Body);
        Assert.Equal(gateway.Scheduler.Admitted[0], gateway.Scheduler.Admitted[1]);
        Assert.Equal(3, new[] { first, other, tenant }.Select(answer => answer.Text("assignment_id")).Distinct().Count());
    }

    [Fact]
    public async Task An_idempotency_key_and_an_own_assignment_id_are_400()
    {
        await using var gateway = await GatewayUnderTest.StartAsync();

        Assert.Equal(["assignment_id 1001"], (await gateway.SubmitAsync(Bodies.HashOf("a"), "", ("Idempotency-Key", "k"))).Faults);
        Assert.Equal(["Idempotency-Key 1001"], (await gateway.SubmitAsync(Bodies.Hash(), "", ("Idempotency-Key", new string('k', 129)))).Faults);
    }

    [Fact]
    public async Task Bodies_in_hand_are_bounded()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("MaxBodiesBytes", "1000"), ("MaxBatchBodyBytes", "900"));
        var held = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        gateway.Scheduler.OnAdmit = async (request, _) =>
        {
            arrived.TrySetResult();
            await held.Task;
            return ScriptedScheduler.AcceptAll(request);
        };
        var first = gateway.SubmitAsync(Bodies.Hash($"\"pad\":\"{new string('x', 700)}\","));
        await arrived.Task;

        var second = await gateway.SubmitAsync(Bodies.Hash($"\"pad\":\"{new string('x', 700)}\","));
        held.SetResult();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, second.Status);
        Assert.Equal(HttpStatusCode.Accepted, (await first).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await gateway.SubmitAsync(Bodies.Hash())).Status);
    }
}
