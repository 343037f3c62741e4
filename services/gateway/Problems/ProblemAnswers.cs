using System.Globalization;
using Beamline.Contracts.Errors;
using Beamline.Gateway.Requests;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Problems;

/// <summary>Writes problem documents, also for what the framework refuses by itself.</summary>
internal static class ProblemAnswers
{
    /// <summary>A day: nobody plans further, and no number from elsewhere may be too large for the header.</summary>
    private const long MaxRetryAfterMs = 24L * 60 * 60 * 1000;

    public static Task WriteAsync(HttpContext context, RequestFault fault) =>
        WriteAsync(context, Problem.Of(fault.Status, fault.Faults, fault.RetryAfter));

    /// <summary>The HTTP answer to an assignment that the scheduler did not take.</summary>
    public static Problem Of(WireError error, bool conflict, TimeSpan defaultRetryAfter)
    {
        var status = StatusOf(error, conflict);
        var retryAfter = error.Retryable && status is (StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
            ? error.RetryAfterMs is { } ms ? TimeSpan.FromMilliseconds(Math.Clamp(ms, 0, MaxRetryAfterMs)) : defaultRetryAfter
            : (TimeSpan?)null;
        IReadOnlyList<Fault> faults = error.Faults is { Count: > 0 } several
            ? [.. several.Select(fault => new Fault((ErrorCode)fault.Number, fault.Field, fault.Message))]
            : [new Fault((ErrorCode)error.Number, error.Field, error.Message)];
        return Problem.Of(status, faults, retryAfter) with { Retryable = error.Retryable, Details = error.Details };
    }

    public static Task WriteAsync(HttpContext context, Problem problem)
    {
        var response = context.Response;
        response.StatusCode = problem.Status;
        if (problem.RetryAfterMs is { } ms)
        {
            response.Headers.RetryAfter = Math.Max(1, (ms + 999) / 1000).ToString(CultureInfo.InvariantCulture);
        }

        return response.WriteAsJsonAsync(problem, GatewayJson.Default.Problem, Problem.ContentType, context.RequestAborted);
    }

    /// <summary>An unknown path, a wrong method, a broken request, a bug: each answered with a problem document.</summary>
    public static void UseProblems(this IApplicationBuilder app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = WriteExceptionAsync,
            // A client that sends nonsense, or goes away, is no error of ours to log.
            SuppressDiagnosticsCallback = static failed => failed.Exception is BadHttpRequestException or OperationCanceledException,
        });
        app.UseStatusCodePages(static status => WriteStatusAsync(status.HttpContext));
    }

    internal static int StatusOf(WireError error, bool conflict) => (ErrorCode)error.Number switch
    {
        _ when conflict => StatusCodes.Status409Conflict,
        ErrorCode.QuotaExceeded => StatusCodes.Status429TooManyRequests,
        ErrorCode.PermissionDenied => StatusCodes.Status403Forbidden,
        ErrorCode.SystemOverload or ErrorCode.ResourceUnavailable => StatusCodes.Status503ServiceUnavailable,
        ErrorCode.InternalError => StatusCodes.Status500InternalServerError,
        _ => StatusCodes.Status400BadRequest,
    };

    private static Task WriteExceptionAsync(HttpContext context)
    {
        var status = context.Features.Get<IExceptionHandlerFeature>()?.Error is BadHttpRequestException bad
            ? bad.StatusCode
            : StatusCodes.Status500InternalServerError;
        context.Response.StatusCode = status;
        return WriteStatusAsync(context);
    }

    private static Task WriteStatusAsync(HttpContext context)
    {
        var status = context.Response.StatusCode;
        var fault = status switch
        {
            StatusCodes.Status404NotFound => new Fault(ErrorCode.InvalidInput, null, $"There is nothing at {context.Request.Path}."),
            StatusCodes.Status405MethodNotAllowed => new Fault(ErrorCode.InvalidInput, null, $"{context.Request.Method} does not fit {context.Request.Path}."),
            StatusCodes.Status415UnsupportedMediaType => new Fault(ErrorCode.InvalidInput, "Content-Type", "The body must be application/json, in UTF-8."),
            >= 500 => new Fault(ErrorCode.InternalError, null, "The gateway failed; its log tells why."),
            _ => new Fault(ErrorCode.InvalidInput, null, "The request cannot be read."),
        };
        var retryAfter = status == StatusCodes.Status503ServiceUnavailable
            ? context.RequestServices.GetRequiredService<IOptions<GatewayOptions>>().Value.RetryAfter
            : (TimeSpan?)null;
        return WriteAsync(context, Problem.Of(status, [fault], retryAfter));
    }
}
