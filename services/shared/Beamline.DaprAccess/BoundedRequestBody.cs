using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Beamline.DaprAccess;

/// <summary>Reads a whole request body into memory, up to a limit.</summary>
public static class BoundedRequestBody
{
    /// <returns>Null when it is longer than <paramref name="limit"/>, told beforehand or not.</returns>
    public static async ValueTask<byte[]?> ReadAsync(HttpRequest request, int limit, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.ContentLength > limit)
        {
            return null;
        }

        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } server)
        {
            // The bound is the caller's: the server's own would break the connection, or answer in words of its own.
            server.MaxRequestBodySize = null;
        }

        if (request.ContentLength is { } length)
        {
            var bytes = new byte[length];
            await request.Body.ReadExactlyAsync(bytes, ct).ConfigureAwait(false);
            return bytes;
        }

        while (true)
        {
            var read = await request.BodyReader.ReadAsync(ct).ConfigureAwait(false);
            if (read.Buffer.Length > limit)
            {
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return null;
            }

            if (read.IsCompleted)
            {
                var bytes = read.Buffer.ToArray();
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return bytes;
            }

            request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
