using System.Text.Json.Serialization.Metadata;
using Beamline.Contracts.Errors;
using Beamline.Scheduler.Admission;

namespace Beamline.Scheduler.Methods;

/// <summary>
/// Methods that answer one typed body with another. Whatever the business decides is a 200; other statuses tell of a faulty
/// call (400, 413) or of no room for it (503).
/// </summary>
internal static class MethodEndpoints
{
    /// <summary>Maps a method; a handler that answers null has no room for the call, and is asked nothing that has a fault.</summary>
    public static IEndpointConventionBuilder MapMethod<TRequest, TResponse>(
        this IEndpointRouteBuilder endpoints,
        string method,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TResponse> responseType,
        Func<TRequest, CancellationToken, Task<TResponse?>> handle,
        Func<TRequest, WireError?>? faultOf = null)
        where TRequest : class
        where TResponse : class =>
        endpoints.MapPost("/" + method, async context =>
        {
            if (await InvocationBody.ReadAsync(context, requestType).ConfigureAwait(false) is not { } request)
            {
                return;
            }

            if (faultOf?.Invoke(request) is { } fault)
            {
                await InvocationBody.RefuseAsync(context, StatusCodes.Status400BadRequest, fault).ConfigureAwait(false);
            }
            else if (await handle(request, context.RequestAborted).ConfigureAwait(false) is { } response)
            {
                await InvocationBody.WriteAsync(context, response, responseType).ConfigureAwait(false);
            }
            else
            {
                await RefuseAsync(context, "There is no room for this call.").ConfigureAwait(false);
            }
        });

    /// <summary>Answers that there is no room now.</summary>
    public static Task RefuseAsync(HttpContext context, string why) => InvocationBody.RefuseAsync(
        context, StatusCodes.Status503ServiceUnavailable, WireError.Of(ErrorCode.SystemOverload, why, retryAfterMs: 1_000));
}
