using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Beamline.DaprAccess.Tests;

public class AppApiTokenTests
{
    [Theory]
    [InlineData("sesame", "/called-by-dapr", "sesame", HttpStatusCode.OK)]
    [InlineData("sesame", "/called-by-dapr", "Sesame", HttpStatusCode.Unauthorized)]
    [InlineData("sesame", "/called-by-dapr", null, HttpStatusCode.Unauthorized)]
    [InlineData("sesame", "/public", null, HttpStatusCode.OK)]
    [InlineData("sesame", "/nowhere", null, HttpStatusCode.NotFound)]
    [InlineData("", "/called-by-dapr", null, HttpStatusCode.OK)]
    public async Task Routes_of_the_sidecar_need_the_token_and_public_ones_do_not(string token, string path, string? sent, HttpStatusCode status)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Configuration["APP_API_TOKEN"] = token;
        await using var app = builder.Build();
        app.UseAppApiToken();
        app.MapGet("/called-by-dapr", () => "ok");
        app.MapGet("/public", () => "ok").AllowWithoutAppToken();
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        if (sent is not null)
        {
            http.DefaultRequestHeaders.Add("dapr-api-token", sent);
        }

        using var answer = await http.GetAsync(path, TestContext.Current.CancellationToken);

        Assert.Equal(status, answer.StatusCode);
    }
}
