using System.Net;
using Beamline.DaprAccess;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Beamline.Observability;

internal static class MetricsEndpoint
{
    public static void Map(IEndpointRouteBuilder endpoints, MetricRegistry registry) => endpoints.MapGet("/metrics", context =>
    {
        context.Response.ContentType = PrometheusText.ContentType;
        return context.Response.WriteAsync(PrometheusText.Write(registry), context.RequestAborted);
    }).AllowWithoutAppToken();
}

/// <summary>A listener of its own for <c>/metrics</c>, where <c>Prometheus:Endpoint</c> names one (<c>0.0.0.0:9090</c>). Nothing else is served there.</summary>
internal sealed class PrometheusListener(IConfiguration configuration, MetricRegistry registry) : IHostedService
{
    private WebApplication? _app;

    /// <summary>Where it listens; null when it is off.</summary>
    public string? Address => _app?.Urls.FirstOrDefault();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (configuration["Prometheus:Endpoint"] is not { Length: > 0 } text)
        {
            return;
        }

        // A bare "9090" would be read as the address 0.0.35.130.
        if (!text.Contains(':') || !IPEndPoint.TryParse(text, out var endpoint))
        {
            throw new SettingsException($"Prometheus:Endpoint is \"{text}\"; expected an address and a port such as 127.0.0.1:9090");
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(endpoint));
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.UseRouting();
        MetricsEndpoint.Map(_app, registry);
        await _app.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_app is not null)
        {
            await _app.StopAsync(cancellationToken).ConfigureAwait(false);
            await _app.DisposeAsync().ConfigureAwait(false);
            _app = null;
        }
    }
}
