using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Beamline.Observability.Tests;

public class HealthTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public async Task A_healthy_service_says_so_in_the_contracted_form()
    {
        await using var service = await StartAsync();

        Assert.Equal((HttpStatusCode.OK, """{"status":"healthy","timestamp":"2026-11-20T15:04:05.678Z"}"""), await GetAsync(service, "/_health"));
        Assert.Equal((HttpStatusCode.OK, """{"status":"healthy","timestamp":"2026-11-20T15:04:05.678Z"}"""), await GetAsync(service, "/healthz"));
    }

    [Fact]
    public async Task Overload_shows_in_health_but_does_not_fail_the_probe()
    {
        await using var service = await StartAsync(builder => builder.Services.AddHealthChecks().AddCheck("bus", () => HealthCheckResult.Unhealthy("the bus is away")));

        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, """{"status":"unhealthy","timestamp":"2026-11-20T15:04:05.678Z","reasons":["bus: the bus is away"]}"""),
            await GetAsync(service, "/_health"));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(service, "/healthz")).Status);
    }

    [Fact]
    public async Task A_dead_store_fails_both_and_its_password_stays_inside()
    {
        await using var service = await StartAsync(builder => builder.Services.AddHealthChecks()
            .AddCheck("ledger", () => throw new InvalidOperationException("cannot open Host=x;Password=s3cret"), tags: [HealthEndpoints.LiveTag]));

        var (health, body) = await GetAsync(service, "/_health");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.ServiceUnavailable), (health, (await GetAsync(service, "/healthz")).Status));
        Assert.Contains("ledger: cannot open Host=x;Password=[redacted]", body);
    }

    [Fact]
    public async Task A_reported_error_counts_until_the_window_has_passed()
    {
        await using var service = await StartAsync();
        service.App.Services.GetRequiredService<CriticalErrors>().Report("the outbox cannot be written");

        Assert.Contains("critical-errors: the outbox cannot be written", (await GetAsync(service, "/_health")).Body);

        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(service, "/_health")).Status);
    }

    [Fact]
    public async Task Error_lines_count_when_there_are_many_within_the_window()
    {
        await using var service = await StartAsync(args: ["--Health:CriticalErrors:MaxErrorLogs=3", "--Health:CriticalErrors:Window=00:01:00"]);
        var logger = service.App.Services.GetRequiredService<ILoggerFactory>().CreateLogger("x");

        logger.LogError("one");
        _time.Advance(TimeSpan.FromSeconds(59));
        logger.LogError("two");
        logger.LogWarning("no error");
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(service, "/_health")).Status);

        logger.LogError("three");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await GetAsync(service, "/_health")).Status);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(service, "/_health")).Status);
    }

    [Theory]
    [InlineData("--Health:CriticalErrors:MaxErrorLogs=0")]
    [InlineData("--Health:CriticalErrors:Window=00:00:00")]
    public async Task A_window_that_cannot_be_is_named_at_the_start(string option)
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => StartAsync(args: [option]));

        Assert.Contains("Health:CriticalErrors: Window must be positive", refused.ToString());
    }

    private Task<TestService> StartAsync(Action<WebApplicationBuilder>? configure = null, string[]? args = null) => TestService.StartAsync(
        configure: builder =>
        {
            builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(_time));
            configure?.Invoke(builder);
        },
        args: args);

    private static async Task<(HttpStatusCode Status, string Body)> GetAsync(TestService service, string path)
    {
        using var answer = await service.Http.GetAsync(path, TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
