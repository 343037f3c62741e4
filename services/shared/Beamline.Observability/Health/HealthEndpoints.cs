using System.Globalization;
using System.Text.Json.Serialization;
using Beamline.DaprAccess;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Beamline.Observability;

/// <summary>
/// <c>/_health</c> runs every check, for people and monitors. <c>/healthz</c> runs only those tagged <see cref="LiveTag"/>, for probes and
/// Dapr's app health check: overload must not unsubscribe a service.
/// </summary>
public static class HealthEndpoints
{
    /// <summary>The tag of checks that say whether the process and its own store are alive.</summary>
    public const string LiveTag = "live";

    internal static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/_health", context => AnswerAsync(context, null)).AllowWithoutAppToken();
        endpoints.MapGet("/healthz", context => AnswerAsync(context, check => check.Tags.Contains(LiveTag))).AllowWithoutAppToken();
    }

    private static async Task AnswerAsync(HttpContext context, Func<HealthCheckRegistration, bool>? which)
    {
        var services = context.RequestServices;
        var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync(which, context.RequestAborted);
        var timestamp = services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        var body = report.Status == HealthStatus.Unhealthy
            ? new HealthBody("unhealthy", timestamp, [.. report.Entries.Where(entry => entry.Value.Status == HealthStatus.Unhealthy).Select(Reason)])
            : new HealthBody("healthy", timestamp, null);
        context.Response.StatusCode = body.Reasons is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(body, HealthJson.Default.HealthBody, cancellationToken: context.RequestAborted);
    }

    private static string Reason(KeyValuePair<string, HealthReportEntry> entry) =>
        $"{entry.Key}: {Redaction.Text(entry.Value.Description ?? entry.Value.Exception?.Message ?? "failed")}";
}

internal sealed record HealthBody(string Status, string Timestamp, IReadOnlyList<string>? Reasons);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HealthBody))]
internal sealed partial class HealthJson : JsonSerializerContext;
