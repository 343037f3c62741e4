using System.Net;
using System.Net.NetworkInformation;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>
/// Where http.request may connect. The decision is made on the address that is about to be connected to, never on the name, so a
/// name that resolves differently the second time gains nothing.
/// </summary>
internal sealed class EgressPolicy
{
    private readonly EgressRule[] _allow;
    private readonly PlatformPorts _platform;
    private readonly HashSet<IPAddress> _own;

    public EgressPolicy(IOptions<HttpBlockOptions> options, PlatformPorts platform)
    {
        _platform = platform;
        _own = [.. OwnAddresses()];
        _allow = [.. options.Value.Egress.Allow.Select(text => EgressRule.TryParse(text, out var rule)
            ? rule
            : throw new OptionsValidationException("Http", typeof(HttpBlockOptions), [$"Http:Egress:Allow holds '{text}', which is no host, host:port or network."]))];
        foreach (var port in options.Value.Egress.PlatformPorts)
        {
            platform.Deny(port);
        }
    }

    /// <summary>Null when the connection is allowed, else the reason, which names no address: a stranger learns nothing about the inside.</summary>
    public string? WhyRefused(string host, int port, IPAddress address)
    {
        var kind = AddressKinds.Of(address);
        if (kind == AddressKind.Forbidden)
        {
            return "link-local, metadata and reserved addresses are never reached";
        }

        var plain = AddressKinds.Unwrap(address);
        var local = kind == AddressKind.Local || _own.Contains(plain);
        if (!local)
        {
            return null;
        }

        if (_platform.Contains(port))
        {
            return "the platform's own ports are never reached";
        }

        return Array.Exists(_allow, rule => rule.Matches(host, port, plain)) ? null : "loopback and private addresses are reached only where Http:Egress:Allow lists them";
    }

    // A public address of this machine leads to the same listeners as loopback. Read once: an address gained later is
    // still covered wherever the platform binds to loopback, which is its default.
    private static IEnumerable<IPAddress> OwnAddresses()
    {
        try
        {
            return [.. NetworkInterface.GetAllNetworkInterfaces().SelectMany(card => card.GetIPProperties().UnicastAddresses).Select(own => AddressKinds.Unwrap(own.Address))];
        }
        catch (NetworkInformationException)
        {
            return [];
        }
    }
}
