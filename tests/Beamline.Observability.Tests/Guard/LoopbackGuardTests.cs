using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace Beamline.Observability.Tests;

public class LoopbackGuardTests
{
    [Theory]
    [InlineData("http://0.0.0.0:0")]
    [InlineData("http://*:0")]
    [InlineData("http://[::]:0")]
    public async Task A_service_refuses_to_start_beyond_loopback_unless_told_to(string url)
    {
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => TestService.StartAsync(configure: builder => builder.WebHost.UseUrls(url)));
        Assert.Contains("Security:AllowNonLoopback=true", refused.Message);

        await using var told = await TestService.StartAsync(configure: builder => builder.WebHost.UseUrls(url), args: ["--Security:AllowNonLoopback=true"]);
        Assert.NotEmpty(told.App.Urls);
    }

    [Theory]
    [InlineData("127.0.0.1", HttpStatusCode.OK)]
    [InlineData("localhost:1234", HttpStatusCode.OK)]
    [InlineData("[::1]", HttpStatusCode.OK)]
    [InlineData("beamline.example", HttpStatusCode.OK)]
    [InlineData("evil.example", HttpStatusCode.BadRequest)]
    [InlineData("127.0.0.1.evil.example", HttpStatusCode.BadRequest)]
    [InlineData("192.168.1.1", HttpStatusCode.BadRequest)]
    public async Task A_page_that_points_its_own_name_here_is_turned_away(string host, HttpStatusCode status)
    {
        await using var service = await TestService.StartAsync(args: ["--Security:AllowedHosts:0=beamline.example"]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/healthz");
        request.Headers.Host = host;

        using var answer = await service.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(status, answer.StatusCode);
    }
}
