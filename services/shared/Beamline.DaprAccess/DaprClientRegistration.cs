using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Beamline.DaprAccess;

/// <summary>Registers <see cref="DaprClient"/>.</summary>
public static class DaprClientRegistration
{
    private const int DefaultPort = 3500;

    /// <summary>Adds one <see cref="DaprClient"/> for the container, towards the own sidecar.</summary>
    public static IServiceCollection AddDaprClient(this IServiceCollection services, Action<DaprClientOptions>? configure = null)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider =>
        {
            var options = new DaprClientOptions();
            configure?.Invoke(options);
            return Create(options, provider.GetService<IConfiguration>(), provider.GetRequiredService<TimeProvider>());
        });
        return services;
    }

    internal static DaprClient Create(DaprClientOptions options, IConfiguration? configuration, TimeProvider time)
    {
        options.Validate();
        var http = new HttpClient(PrimaryHandler(options), disposeHandler: true)
        {
            BaseAddress = options.HttpEndpoint ?? Endpoint(configuration),
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = options.MaxAnswerBytes,
        };
        var token = options.ApiToken ?? Setting(configuration, "DAPR_API_TOKEN");
        if (!string.IsNullOrEmpty(token))
        {
            http.DefaultRequestHeaders.TryAddWithoutValidation(DaprRoutes.TokenHeader, token);
        }

        return new DaprClient(new SidecarConnection(http, options, time));
    }

    internal static string? Setting(IConfiguration? configuration, string name) =>
        configuration?[name] ?? Environment.GetEnvironmentVariable(name);

    private static Uri Endpoint(IConfiguration? configuration)
    {
        if (Setting(configuration, "DAPR_HTTP_ENDPOINT") is { Length: > 0 } endpoint)
        {
            return Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                ? uri
                : throw new InvalidOperationException($"DAPR_HTTP_ENDPOINT is \"{endpoint}\"; expected an http or https address such as http://127.0.0.1:3500");
        }

        var port = DefaultPort;
        if (Setting(configuration, "DAPR_HTTP_PORT") is { Length: > 0 } text
            && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= IPEndPoint.MaxPort))
        {
            throw new InvalidOperationException($"DAPR_HTTP_PORT is \"{text}\"; expected a port number from 1 to {IPEndPoint.MaxPort}");
        }

        return new Uri($"http://127.0.0.1:{port}");
    }

    private static HttpMessageHandler PrimaryHandler(DaprClientOptions options) => options.PrimaryHandlerFactory is { } replace
        ? new TraceContextHandler(replace())
        : new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,
            UseProxy = false,
            UseCookies = false,
            // A callee's redirect is its answer, passed on as it is.
            AllowAutoRedirect = false,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        };
}
