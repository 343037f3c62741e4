using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.DaprAccess;

/// <summary>Checks that a call comes from the own sidecar.</summary>
public static class AppApiToken
{
    /// <summary>
    /// With <c>APP_API_TOKEN</c> set, every mapped route needs the header <c>dapr-api-token</c>, else 401; except those marked with
    /// <see cref="AllowWithoutAppToken{TBuilder}"/>. Without it nothing is checked.
    /// </summary>
    public static IApplicationBuilder UseAppApiToken(this IApplicationBuilder app, string? token = null)
    {
        token ??= DaprClientRegistration.Setting(app.ApplicationServices.GetService<IConfiguration>(), "APP_API_TOKEN");
        if (string.IsNullOrEmpty(token))
        {
            return app;
        }

        // Hashes have one length, so that the comparison takes the same time whatever was sent.
        var expected = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        return app.Use((context, next) =>
        {
            if (context.GetEndpoint() is not { } endpoint
                || endpoint.Metadata.GetMetadata<WithoutAppToken>() is not null
                || IsRight(context.Request.Headers[DaprRoutes.TokenHeader], expected))
            {
                return next(context);
            }

            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return context.Response.WriteAsync("invalid app api token", context.RequestAborted);
        });
    }

    /// <summary>Marks a route that others than the sidecar call: the gateway's public API, probes, metrics.</summary>
    public static TBuilder AllowWithoutAppToken<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(WithoutAppToken.Instance);

    private static bool IsRight(string? sent, byte[] expected)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(sent ?? ""), hash);
        return CryptographicOperations.FixedTimeEquals(hash, expected);
    }

    private sealed class WithoutAppToken
    {
        public static readonly WithoutAppToken Instance = new();
    }
}
