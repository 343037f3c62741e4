using System.Collections.Concurrent;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>
/// The ports on which the platform itself listens: services, sidecars, bus, stores. http.request never reaches them on this machine
/// or in a private network, whatever <c>Http:Egress:Allow</c> says. Filled from the settings, from this process's own addresses
/// once they are bound, and by a host that keeps more of the platform in its process.
/// </summary>
public sealed class PlatformPorts
{
    // Grows only by what an operator or a host lists: bounded by the number of ports.
    private readonly ConcurrentDictionary<int, byte> _ports = [];

    public void Deny(int port) => _ports.TryAdd(port, 0);

    public bool Contains(int port) => _ports.ContainsKey(port);
}
