namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>Section <c>Http</c>: how http.request reaches the outside.</summary>
public sealed class HttpBlockOptions
{
    public const string Section = "Http";

    /// <summary>Name resolution, TCP and TLS together; over it the step fails with 3002.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>An idle pooled connection is closed after this.</summary>
    public TimeSpan PooledConnectionIdleTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A pooled connection is used for no longer than this, so that changes of names and of the egress policy's view take effect.</summary>
    public TimeSpan PooledConnectionLifetime { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Connections to one host and port. Beyond it requests wait, within their own deadlines.</summary>
    public int MaxConnectionsPerServer { get; set; } = 256;

    /// <summary>Redirects followed for one request; a step may ask for fewer (<c>max_redirects</c>). 0: a redirect is returned as the result.</summary>
    public int MaxRedirects { get; set; } = 5;

    /// <summary>All headers of one response, in KiB; over it the step fails with 3001.</summary>
    public int MaxResponseHeadersKib { get; set; } = 32;

    /// <summary>
    /// Sends x-beamline-assignment, -delivery, -lease, -retry and -replay along, so that a server can tell a repeat from a first call.
    /// Off by default: strangers' servers need not know our ids.
    /// </summary>
    public bool TraceHeaders { get; set; }

    public EgressOptions Egress { get; set; } = new();
}

/// <summary>Section <c>Http:Egress</c>.</summary>
public sealed class EgressOptions
{
    /// <summary>Loopback and private places that may be reached: hosts, host:port, networks. Empty: none.</summary>
    public IList<string> Allow { get; set; } = [];

    /// <summary>Ports of the platform's other parts (gateway, scheduler, sidecars, bus, database): refused wherever the address is local.</summary>
    public IList<int> PlatformPorts { get; set; } = [];
}
