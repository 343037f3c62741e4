using Beamline.IoExecutor.Blocks.Http;
using Beamline.Sidecar;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Beamline.Local.Platform;

/// <summary>
/// The five services and the embedded sidecar in one process:
/// <code>
///  HTTP ──▶ gateway ──▶ embedded sidecar ──▶ scheduler, cpu-, io-, gpu-executor
/// </code>
/// Only the gateway has a socket. Services and sidecar speak the same HTTP as they do as processes, carried in memory.
/// </summary>
internal sealed class LocalPlatform : IAsyncDisposable
{
    private readonly EmbeddedSidecar _sidecar;

    // In the order of starting; stopped the other way round, so that whoever calls is gone before who is called.
    private readonly List<LocalService> _services;
    private readonly LocalSharing _sharing;

    private LocalPlatform(EmbeddedSidecar sidecar, List<LocalService> services, LocalSharing sharing, Uri gateway)
    {
        _sidecar = sidecar;
        _services = services;
        _sharing = sharing;
        Gateway = gateway;
    }

    /// <summary>The gateway's address.</summary>
    public Uri Gateway { get; }

    public SidecarFaults Faults => _sidecar.Faults;

    /// <exception cref="IOException">The data folder cannot be used, or the address is taken.</exception>
    public static async Task<LocalPlatform> StartAsync(LocalOptions options, CancellationToken cancellation)
    {
        Directory.CreateDirectory(options.DataDirectory);
        var sharing = new LocalSharing();
        var services = new List<LocalService>();
        EmbeddedSidecar? sidecar = null;
        try
        {
            var scheduler = LocalService.Scheduler(options, sharing);
            services.Add(scheduler);
            sidecar = await EmbeddedSidecar.StartAsync(
                new SidecarOptions
                {
                    DataDirectory = Path.Combine(options.DataDirectory, "sidecar"),
                    ComponentsPath = options.ComponentsPath,
                    ApiToken = sharing.SidecarToken,
                },
                scheduler.App.Services.GetRequiredService<ILoggerFactory>(),
                cancellation);

            // The scheduler first, then who leases from it, then who lets work in.
            await scheduler.StartAsync(sidecar, sharing, cancellation);
            foreach (var make in LocalService.Executors)
            {
                var executor = make(options, sharing);
                services.Add(executor);
                await executor.StartAsync(sidecar, sharing, cancellation);
            }

            var gateway = LocalService.Gateway(options, sharing);
            services.Add(gateway);
            await gateway.StartAsync(sidecar, sharing, cancellation);
            var addresses = gateway.App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(address => new Uri(address)).ToArray();
            KeepBlocksFrom(addresses, services);
            return new LocalPlatform(sidecar, services, sharing, addresses[0]);
        }
        catch
        {
            await StopAsync(services, sidecar, sharing);
            throw;
        }
    }

    /// <summary>Drains: no new work, running steps finish or are handed back, everything committed is published or kept.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(_services, _sidecar, _sharing);

    // A step that may call the loopback must not submit steps: the gateway's sockets are the platform's only ones here.
    private static void KeepBlocksFrom(Uri[] addresses, List<LocalService> services)
    {
        foreach (var ports in services.Select(service => service.App.Services.GetService<PlatformPorts>()).OfType<PlatformPorts>())
        {
            Array.ForEach(addresses, address => ports.Deny(address.Port));
        }
    }

    private static async Task StopAsync(List<LocalService> services, EmbeddedSidecar? sidecar, LocalSharing sharing)
    {
        for (var i = services.Count - 1; i >= 0; i--)
        {
            await services[i].DisposeAsync();
        }

        if (sidecar is not null)
        {
            await sidecar.DisposeAsync();
        }

        sharing.Dispose();
    }
}
