using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Beamline.Observability;

/// <summary>Names and tags the server's span, which ASP.NET Core itself leaves bare. OpenTelemetry's package for it is not on the feed.</summary>
internal sealed class ServerSpans : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(TagAsync);
        next(app);
    };

    private static Task TagAsync(HttpContext context, RequestDelegate next) =>
        context.Features.Get<IHttpActivityFeature>() is { Activity: { IsAllDataRequested: true } activity }
            ? TagAsync(context, next, activity)
            : next(context);

    private static async Task TagAsync(HttpContext context, RequestDelegate next, System.Diagnostics.Activity activity)
    {
        try
        {
            await next(context);
        }
        finally
        {
            var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
            activity.DisplayName = route is null ? context.Request.Method : $"{context.Request.Method} {route}";
            activity.SetTag("http.request.method", context.Request.Method);
            activity.SetTag("http.route", route);
            activity.SetTag("url.path", context.Request.Path.Value);
            activity.SetTag("http.response.status_code", context.Response.StatusCode);
        }
    }
}
