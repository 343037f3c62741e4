using System.Net;
using System.Net.Sockets;

namespace Beamline.IoExecutor.Blocks.Http;

internal enum AddressKind
{
    /// <summary>Reachable unless a rule of the platform forbids it.</summary>
    Public,

    /// <summary>Loopback and private networks: reachable only where the operator lists them.</summary>
    Local,

    /// <summary>Link-local, metadata services, multicast, reserved: no setting opens these.</summary>
    Forbidden,
}

/// <summary>Sorts addresses by what a stranger's request may do there, looking through every IPv6 form that carries an IPv4 address.</summary>
internal static class AddressKinds
{
    private static readonly (IPNetwork Network, AddressKind Kind)[] Special =
    [
        // Metadata and platform services of the large clouds that lie outside the link-local range. Before the networks that hold them.
        (IPNetwork.Parse("100.100.100.200/32"), AddressKind.Forbidden),
        (IPNetwork.Parse("168.63.129.16/32"), AddressKind.Forbidden),
        (IPNetwork.Parse("fd00:ec2::/32"), AddressKind.Forbidden),
        (IPNetwork.Parse("fd20:ce::/32"), AddressKind.Forbidden),

        (IPNetwork.Parse("127.0.0.0/8"), AddressKind.Local),
        (IPNetwork.Parse("10.0.0.0/8"), AddressKind.Local),
        (IPNetwork.Parse("172.16.0.0/12"), AddressKind.Local),
        (IPNetwork.Parse("192.168.0.0/16"), AddressKind.Local),
        (IPNetwork.Parse("100.64.0.0/10"), AddressKind.Local),
        (IPNetwork.Parse("198.18.0.0/15"), AddressKind.Local),
        (IPNetwork.Parse("::1/128"), AddressKind.Local),
        (IPNetwork.Parse("fc00::/7"), AddressKind.Local),

        (IPNetwork.Parse("0.0.0.0/8"), AddressKind.Forbidden),
        (IPNetwork.Parse("169.254.0.0/16"), AddressKind.Forbidden),
        (IPNetwork.Parse("192.0.0.0/24"), AddressKind.Forbidden),
        (IPNetwork.Parse("192.0.2.0/24"), AddressKind.Forbidden),
        (IPNetwork.Parse("192.88.99.0/24"), AddressKind.Forbidden),
        (IPNetwork.Parse("198.51.100.0/24"), AddressKind.Forbidden),
        (IPNetwork.Parse("203.0.113.0/24"), AddressKind.Forbidden),
        (IPNetwork.Parse("224.0.0.0/3"), AddressKind.Forbidden),
        (IPNetwork.Parse("2001::/23"), AddressKind.Forbidden),
        (IPNetwork.Parse("2001:db8::/32"), AddressKind.Forbidden),
        (IPNetwork.Parse("3fff::/20"), AddressKind.Forbidden),
    ];

    // What is handed out for use on the internet; all other IPv6 space is reserved, link-local, multicast or a way to embed IPv4.
    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    public static AddressKind Of(IPAddress address)
    {
        var plain = Unwrap(address);
        foreach (var (network, kind) in Special)
        {
            if (network.Contains(plain))
            {
                return kind;
            }
        }

        return plain.AddressFamily == AddressFamily.InterNetwork || GlobalUnicast.Contains(plain) ? AddressKind.Public : AddressKind.Forbidden;
    }

    /// <summary>The IPv4 address inside a mapped, compatible, NAT64 or 6to4 address; without the scope id that would hide it from comparisons.</summary>
    public static IPAddress Unwrap(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        if (address.IsIPv4MappedToIPv6 || bytes[..12].SequenceEqual<byte>([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]))
        {
            return new IPAddress(bytes[12..]);
        }

        if (bytes[0] == 0x20 && bytes[1] == 0x02)
        {
            return new IPAddress(bytes[2..6]);
        }

        // ::a.b.c.d, but not :: and ::1, which are addresses of their own.
        return bytes[..12].IndexOfAnyExcept((byte)0) < 0 && (bytes[12] | bytes[13] | bytes[14]) != 0
            ? new IPAddress(bytes[12..])
            : new IPAddress(bytes);
    }
}
