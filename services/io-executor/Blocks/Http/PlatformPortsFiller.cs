using System.Globalization;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>Adds the ports that this process knows of: its sidecar's and the bus's from the settings, its own once they are bound.</summary>
internal sealed class PlatformPortsFiller(PlatformPorts ports, IConfiguration configuration, IServiceProvider services) : IHostedLifecycleService
{
    private static readonly string[] PortSettings = ["DAPR_HTTP_PORT", "DAPR_GRPC_PORT", "DAPR_METRICS_PORT"];
    private static readonly string[] UrlSettings = ["DAPR_HTTP_ENDPOINT", "DAPR_GRPC_ENDPOINT", "Nats:Url"];

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var setting in PortSettings)
        {
            if (int.TryParse(configuration[setting], NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            {
                ports.Deny(port);
            }
        }

        foreach (var setting in UrlSettings)
        {
            DenyPortOf(configuration[setting]);
        }

        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        foreach (var address in services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses ?? [])
        {
            DenyPortOf(address);
        }

        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Kestrel's addresses may name a wildcard host (http://*:8080), which is no URI.
    private void DenyPortOf(string? url)
    {
        if (url is not null && Uri.TryCreate(url.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var uri) && uri.Port > 0)
        {
            ports.Deny(uri.Port);
        }
    }
}
