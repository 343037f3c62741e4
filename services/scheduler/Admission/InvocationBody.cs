using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Scheduler.Admission;

/// <summary>Reads and writes the JSON of the scheduler's methods. What cannot be read is answered 400 with the contract's error.</summary>
internal static class InvocationBody
{
    /// <summary>A batch is cut at 2 MiB by its sender; base64 and envelopes around it are allowed for.</summary>
    private const long MaxBytes = 8 * 1024 * 1024;

    /// <summary>Null when the body was refused; that has been answered then.</summary>
    public static async Task<T?> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        if (context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MaxBytes;
        }

        try
        {
            if (await DeserializeAsync(context.Request, type, context.RequestAborted) is { } value)
            {
                return value;
            }

            await RefuseAsync(context, StatusCodes.Status400BadRequest, WireError.Of(ErrorCode.InvalidFormat, "The body is null."));
        }
        catch (JsonException fault)
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, WireError.Of(ErrorCode.InvalidFormat, $"The body cannot be read: {fault.Message}", field: fault.Path));
        }
        catch (BadHttpRequestException fault)
        {
            await RefuseAsync(context, fault.StatusCode, WireError.Of(ErrorCode.InvalidFormat, $"The body cannot be read: {fault.Message}"));
        }

        return null;
    }

    // A body whose length is told is read whole into a borrowed buffer: one span is read several times faster than a stream's pieces.
    private static async ValueTask<T?> DeserializeAsync<T>(HttpRequest request, JsonTypeInfo<T> type, CancellationToken ct)
    {
        if (request.ContentLength is not (> 0 and <= MaxBytes and { } length))
        {
            return await JsonSerializer.DeserializeAsync(request.Body, type, ct).ConfigureAwait(false);
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)length);
        try
        {
            var read = await request.Body.ReadAtLeastAsync(buffer.AsMemory(0, (int)length), (int)length, throwOnEndOfStream: false, ct).ConfigureAwait(false);
            return JsonSerializer.Deserialize(buffer.AsSpan(0, read), type);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public static Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        return JsonSerializer.SerializeAsync(context.Response.Body, value, type, context.RequestAborted);
    }

    public static Task RefuseAsync(HttpContext context, int status, WireError error)
    {
        context.Response.StatusCode = status;
        return WriteAsync(context, error, BeamlineJson.Default.WireError);
    }
}
