using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Beamline.Observability;

/// <summary>One log line when a service serves, with its addresses: what people look for, and what a starter of processes waits for.</summary>
internal static partial class StartAnnouncement
{
    /// <summary>The line's category: whoever waits for it keeps this one on, however quiet the other logs are.</summary>
    private const string Category = "Beamline.Start";

    public static void Arm(IServiceProvider services)
    {
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger(Category);
        services.GetService<IHostApplicationLifetime>()?.ApplicationStarted.Register(() => logger.ServiceStarted(Addresses(services)));
    }

    private static string Addresses(IServiceProvider services) =>
        services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses is { Count: > 0 } addresses ? string.Join(", ", addresses) : "no address (in process)";

    [LoggerMessage(Level = LogLevel.Information, Message = "Service started, listening on {Addresses}")]
    private static partial void ServiceStarted(this ILogger logger, string addresses);
}
