using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Beamline.EndToEnd.Tests;

/// <summary>What strangers send: a clear answer each, and the platform serves on.</summary>
public sealed class BadInputTests(LocalPlatformProcess local) : IClassFixture<LocalPlatformProcess>
{
    public static TheoryData<string, string, int> Bodies => new()
    {
        { "unparsable", "{\"version\":", 400 },
        { "empty", "", 400 },
        { "not an object", "[1,2]", 400 },
        { "no job", """{"version":"1","executor":{"provider_id":"p"}}""", 400 },
        { "no executor", """{"version":"1","job":{"type":"crypto.hash"}}""", 400 },
        { "unknown block", """{"version":"1","executor":{"provider_id":"p"},"job":{"type":"no.such"}}""", 400 },
        { "wrong version", """{"version":"7","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""", 400 },
        { "a dot in the tenant", """{"version":"1","tenant_id":"a.b","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""", 400 },
        { "duplicate keys", """{"version":"1","version":"1","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""", 400 },
        { "wrong type of a field", """{"version":"1","priority":"high","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}""", 400 },
        { "out of range", """{"version":"1","executor":{"provider_id":"p"},"job":{"type":"crypto.hash","retry":{"max_retries":21}}}""", 400 },
        { "5,000 deep", string.Concat(Enumerable.Repeat("{\"a\":", 5000)) + "1" + new string('}', 5000), 400 },
    };

    public static TheoryData<string, string> Oddities => new()
    {
        { "a double bar in flow_id", "\"flow_id\":\"a||b\",\"step_id\":\"s\"" },
        { "a foreign id", "\"id\":\"not-ours\"" },
        { "a big integer", "\"big\":123456789012345678901234567890" },
        { "an unknown field", "\"whatever\":{\"nested\":[1,null,true]}" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_bad_body_is_a_problem_with_a_code(string what, string body, int status)
    {
        using var http = new HttpClient { BaseAddress = local.Gateway };
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri("/v1/tasks", UriKind.Relative), content, TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.True((int)answer.StatusCode == status, $"{what}: {(int)answer.StatusCode} {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.InRange(JsonNode.Parse(text)!["number"]!.GetValue<int>(), 1001, 1003);
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF8_are_a_problem()
    {
        using var http = new HttpClient { BaseAddress = local.Gateway };
        using var content = new ByteArrayContent([(byte)'{', (byte)'"', 0xff, 0xfe, (byte)'"', (byte)':', (byte)'1', (byte)'}']);
        content.Headers.ContentType = new("application/json");
        using var answer = await http.PostAsync(new Uri("/v1/tasks", UriKind.Relative), content, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Ten_megabytes_are_refused_as_too_large()
    {
        using var http = new HttpClient { BaseAddress = local.Gateway };
        using var content = new ByteArrayContent(new byte[10 * 1024 * 1024]);
        content.Headers.ContentType = new("application/json");
        HttpStatusCode status;
        try
        {
            using var answer = await http.PostAsync(new Uri("/v1/tasks", UriKind.Relative), content, TestContext.Current.CancellationToken);
            status = answer.StatusCode;
        }
        catch (HttpRequestException exception) when (exception.InnerException is IOException)
        {
            // The server may close before all is sent; then the answer is lost on the way, and the next test shows that it serves on.
            status = HttpStatusCode.RequestEntityTooLarge;
        }

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
    }

    [Fact]
    public async Task Another_content_type_is_refused()
    {
        using var http = new HttpClient { BaseAddress = local.Gateway };
        using var content = new StringContent("{}", Encoding.UTF8, "text/plain");
        using var answer = await http.PostAsync(new Uri("/v1/tasks", UriKind.Relative), content, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
    }

    [Fact]
    public async Task A_foreign_host_header_is_refused()
    {
        using var http = new HttpClient { BaseAddress = local.Gateway };
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/v1/tasks", UriKind.Relative)) { Headers = { Host = "evil.example" } };
        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [MemberData(nameof(Oddities))]
    public async Task What_is_odd_but_allowed_runs(string what, string member)
    {
        using var http = new HttpClient { BaseAddress = local.Gateway };
        using var content = new StringContent(
            "{\"version\":\"1\",\"executor\":{\"provider_id\":\"p\"},\"job\":{\"type\":\"crypto.hash\",\"algorithm\":\"sha256\",\"content\":\"x\"}," + member + "}",
            Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri("/v1/tasks?wait=20", UriKind.Relative), content, TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{what}: {(int)answer.StatusCode} {text}");
        Assert.Equal("success", JsonNode.Parse(text)!["status"]!.GetValue<string>());
    }
}
