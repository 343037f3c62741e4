using System.Globalization;
using System.Net;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>
/// One entry of <c>Http:Egress:Allow</c>: a host (<c>pages.internal</c>), a host and port (<c>127.0.0.1:8080</c>, <c>[::1]:80</c>)
/// or a network (<c>10.1.0.0/16</c>).
/// </summary>
internal sealed record EgressRule(string? Host, int? Port, IPNetwork? Network)
{
    public static bool TryParse(string text, out EgressRule rule)
    {
        rule = new EgressRule(null, null, null);
        if (text.Contains('/', StringComparison.Ordinal))
        {
            var valid = IPNetwork.TryParse(text, out var network);
            rule = rule with { Network = network };
            return valid;
        }

        var (host, port) = (text, default(string));
        var colon = text.LastIndexOf(':');
        if (text.StartsWith('[') ? text.IndexOf("]:", StringComparison.Ordinal) == colon - 1 : colon >= 0 && text.IndexOf(':', StringComparison.Ordinal) == colon)
        {
            (host, port) = (text[..colon], text[(colon + 1)..]);
        }

        ushort number = 0;
        if (port is not null && (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number == 0))
        {
            return false;
        }

        host = host.Trim('[', ']');
        int? onlyPort = port is null ? null : number;
        if (IPAddress.TryParse(host, out var address))
        {
            var plain = AddressKinds.Unwrap(address);
            rule = new EgressRule(null, onlyPort, new IPNetwork(plain, plain.GetAddressBytes().Length * 8));
            return true;
        }

        rule = new EgressRule(host, onlyPort, null);
        return Uri.CheckHostName(host) == UriHostNameType.Dns;
    }

    public bool Matches(string host, int port, IPAddress plain) =>
        (Port is null || Port == port)
        && (Network is { } network ? network.Contains(plain) : string.Equals(Host, host, StringComparison.OrdinalIgnoreCase));
}
