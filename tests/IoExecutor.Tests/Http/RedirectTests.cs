using Beamline.Contracts.Errors;
using Beamline.TestKit.Blocks;
using Microsoft.AspNetCore.Http;

namespace Beamline.IoExecutor.Tests.Http;

public sealed class RedirectTests
{
    [Theory]
    [InlineData(301, "POST", "GET ")]
    [InlineData(302, "POST", "GET ")]
    [InlineData(303, "PUT", "GET ")]
    [InlineData(307, "POST", "POST body")]
    [InlineData(308, "PUT", "PUT body")]
    public async Task A_redirect_is_followed_as_its_status_says(int status, string method, string expected)
    {
        await using var server = await LocalServer.StartAsync(async http =>
        {
            if (http.Request.Path == "/from")
            {
                http.Response.StatusCode = status;
                http.Response.Headers.Location = "/to";
                return;
            }

            using var reader = new StreamReader(http.Request.Body);
            await http.Response.WriteAsync($"{http.Request.Method} {await reader.ReadToEndAsync()}");
        });
        var outputs = (await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}/from", "method": "{{method}}", "body": "body"}""")).Outputs();
        Assert.Equal(expected, outputs.GetProperty("body").GetString());
    }

    [Fact]
    public async Task Credentials_stay_with_the_origin_that_they_were_meant_for()
    {
        await using var other = await LocalServer.StartAsync(http => http.Response.WriteAsync($"{http.Request.Headers.Authorization}{http.Request.Headers.Cookie}|{http.Request.Headers["X-A"]}"));
        await using var first = await LocalServer.StartAsync(http =>
        {
            http.Response.Redirect(other.Url);
            return Task.CompletedTask;
        });
        var outputs = (await HttpFixture.Block().RunAsync($$"""{"headers": {"Authorization": "Bearer s", "Cookie": "c=1", "X-A": "1"}, "url": "{{first.Url}}"}""")).Outputs();
        Assert.Equal("|1", outputs.GetProperty("body").GetString());
    }

    [Fact]
    public async Task An_endless_redirect_ends_after_the_setting_or_the_steps_own_wish()
    {
        var calls = 0;
        await using var server = await LocalServer.StartAsync(http =>
        {
            Interlocked.Increment(ref calls);
            http.Response.Redirect("/again");
            return Task.CompletedTask;
        });
        var block = HttpFixture.Block(http => http.MaxRedirects = 3);
        Assert.Equal("too_many_redirects", (await block.RunAsync($$"""{"url": "{{server.Url}}"}""")).Reason(ErrorCode.HttpError));
        Assert.Equal(4, calls);
        var outputs = (await block.RunAsync($$"""{"url": "{{server.Url}}", "max_redirects": 0}""")).Outputs();
        Assert.Equal(302, outputs.GetProperty("status_code").GetInt32());
        Assert.Equal(5, calls);
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://[fd00:ec2::254]/")]
    [InlineData("http://10.0.0.1/")]
    public async Task A_redirect_to_a_forbidden_address_is_2003(string target)
    {
        await using var server = await LocalServer.StartAsync(http =>
        {
            http.Response.Redirect(target);
            return Task.CompletedTask;
        });
        var outcome = await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}"}""");
        Assert.Equal("egress_refused", outcome.Reason(ErrorCode.PermissionDenied));
        Assert.False(outcome.Retryable);
    }

    [Theory]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://u:p@127.0.0.1/")]
    [InlineData("gopher://127.0.0.1/")]
    public async Task A_redirect_to_another_kind_of_place_is_refused(string target)
    {
        await using var server = RawServer.Saying($"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
        Assert.Equal("bad_redirect", (await HttpFixture.Block().RunAsync($$"""{"url": "{{server.Url}}"}""")).Reason(ErrorCode.HttpError));
    }
}
