using Beamline.IoExecutor.Blocks.Http;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Tests.Http;

internal static class HttpFixture
{
    /// <summary>A block that may reach the loopback, unless told otherwise.</summary>
    public static HttpRequestBlock Block(Action<HttpBlockOptions>? configure = null, PlatformPorts? platform = null, params string[] allow)
    {
        var settings = new HttpBlockOptions { Egress = { Allow = allow.Length > 0 ? allow : ["127.0.0.0/8"] } };
        configure?.Invoke(settings);
        var options = Options.Create(settings);
        return new HttpRequestBlock(options, new HttpTransport(options, new EgressPolicy(options, platform ?? new PlatformPorts())));
    }

    public static HttpRequestBlock Strict() => Block(static http => http.Egress.Allow = []);
}
