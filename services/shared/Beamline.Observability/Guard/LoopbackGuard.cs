using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Beamline.Observability;

/// <summary>Section <c>Security</c>.</summary>
public sealed class SecurityOptions
{
    /// <summary>Lets the service listen beyond loopback. Off: it refuses to start there.</summary>
    public bool AllowNonLoopback { get; set; }

    /// <summary>Host names, beside the loopback ones and the address that was connected to, under which the service may be called.</summary>
    public IList<string> AllowedHosts { get; set; } = [];
}

/// <summary>
/// Keeps a service on loopback unless told otherwise, and answers 400 to foreign Host headers: a web page that has its own name
/// resolve to 127.0.0.1 must not be able to post to a developer's machine.
/// </summary>
internal sealed class LoopbackGuard(IOptions<SecurityOptions> options) : IStartupFilter
{
    private static readonly string[] LoopbackNames = ["127.0.0.1", "localhost", "[::1]"];

    public static void Add(IServiceCollection services)
    {
        services.AddOptions<SecurityOptions>().BindConfiguration("Security");
        services.AddSingleton<IStartupFilter, LoopbackGuard>();
        // Runs for every endpoint, however it was configured, before it is bound.
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<SecurityOptions>>((kestrel, security) =>
            kestrel.ConfigureEndpointDefaults(endpoint => CheckEndpoint(endpoint.IPEndPoint, security.Value)));
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        var allowed = LoopbackNames.Concat(options.Value.AllowedHosts).ToHashSet(StringComparer.OrdinalIgnoreCase);
        app.Use((context, following) =>
        {
            if (IsAllowed(context, allowed))
            {
                return following(context);
            }

            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            context.Response.ContentType = "text/plain";
            return context.Response.WriteAsync("this Host is not served here; Security:AllowedHosts lists further names", context.RequestAborted);
        });
        next(app);
    };

    private static void CheckEndpoint(IPEndPoint? endpoint, SecurityOptions security)
    {
        if (endpoint is not null && !IPAddress.IsLoopback(endpoint.Address) && !security.AllowNonLoopback)
        {
            throw new InvalidOperationException($"refusing to listen on {endpoint}: it is reachable from other machines. Set Security:AllowNonLoopback=true if that is meant");
        }
    }

    private static bool IsAllowed(HttpContext context, HashSet<string> allowed)
    {
        // No address: the request came from within the process, where no web page is.
        if (context.Connection.LocalIpAddress is not { } local)
        {
            return true;
        }

        var host = context.Request.Host.Host;
        return allowed.Contains(host) || (IPAddress.TryParse(host, out var address) && address.Equals(local.IsIPv4MappedToIPv6 ? local.MapToIPv4() : local));
    }
}
