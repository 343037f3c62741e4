using Beamline.ExecutorHost.Blocks;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Beamline.IoExecutor.Blocks.Http;

internal static class HttpServices
{
    /// <summary>What http.request needs beside itself.</summary>
    public static BlockRegistration AddHttpTransport(this BlockRegistration blocks, IConfiguration configuration)
    {
        var options = blocks.Services.AddOptions<HttpBlockOptions>().Bind(configuration.GetSection(HttpBlockOptions.Section));
        options.Validate(static http => http.ConnectTimeout > TimeSpan.Zero, "Http:ConnectTimeout must be above zero.");
        options.Validate(static http => http.MaxConnectionsPerServer > 0, "Http:MaxConnectionsPerServer must be above zero.");
        options.Validate(static http => http.MaxRedirects is >= 0 and <= 50, "Http:MaxRedirects must be from 0 to 50.");
        options.Validate(static http => http.MaxResponseHeadersKib is > 0 and <= 1024, "Http:MaxResponseHeadersKib must be from 1 to 1024.");
        options.Validate(
            static http => http.Egress.Allow.All(text => EgressRule.TryParse(text, out _)),
            "Http:Egress:Allow holds an entry that is no host, host:port or network.");
        options.ValidateOnStart();
        // A host that keeps more of the platform in its process brings a set of its own and adds to it.
        blocks.Services.TryAddSingleton<PlatformPorts>();
        blocks.Services.AddHostedService<PlatformPortsFiller>();
        blocks.Services.AddSingleton<EgressPolicy>();
        blocks.Services.AddSingleton<HttpTransport>();
        return blocks;
    }
}
