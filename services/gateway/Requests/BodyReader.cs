using Beamline.Contracts.Errors;
using Beamline.DaprAccess;
using Beamline.Gateway.Problems;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Beamline.Gateway.Requests;

/// <summary>A request's body in memory, counted against the bound of all bodies until it is disposed; or the fault that kept it from being read.</summary>
internal readonly struct RequestBody(ReadOnlyMemory<byte> bytes, RequestFault? fault, BodyReader? reader, int reserved) : IDisposable
{
    public ReadOnlyMemory<byte> Bytes => bytes;

    public RequestFault? Fault => fault;

    public void Dispose() => reader?.Release(reserved);
}

/// <summary>Reads JSON bodies up to a limit.</summary>
internal sealed class BodyReader(IOptions<GatewayOptions> options)
{
    private long _reserved;

    /// <summary>Bytes of the bodies in hand, those being read included.</summary>
    public long Reserved => Interlocked.Read(ref _reserved);

    public async ValueTask<RequestBody> ReadAsync(HttpRequest request, int limit, CancellationToken ct)
    {
        if (!IsJson(request.ContentType))
        {
            return Refused(StatusCodes.Status415UnsupportedMediaType, "Content-Type", "The body must be application/json, in UTF-8.");
        }

        if (!IsPlain(request.Headers.ContentEncoding))
        {
            return Refused(StatusCodes.Status415UnsupportedMediaType, "Content-Encoding", "The body must not be encoded.");
        }

        if (request.ContentLength > limit)
        {
            return TooLarge(limit);
        }

        // The whole limit is reserved for a body that does not tell its length: what it will take is not known.
        var reserved = (int)(request.ContentLength ?? limit);
        if (Interlocked.Add(ref _reserved, reserved) > options.Value.MaxBodiesBytes)
        {
            Release(reserved);
            return new RequestBody(default, Faults.Overloaded("Too many bodies are being read.", options.Value.RetryAfter), null, 0);
        }

        try
        {
            var bytes = await BoundedRequestBody.ReadAsync(request, limit, ct).ConfigureAwait(false);
            if (bytes is not null)
            {
                return new RequestBody(bytes, null, this, reserved);
            }
        }
        catch
        {
            Release(reserved);
            throw;
        }

        Release(reserved);
        return TooLarge(limit);
    }

    internal void Release(int reserved) => Interlocked.Add(ref _reserved, -reserved);

    // JSON between systems is UTF-8; whoever announces something else would have its text read wrongly.
    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    private static bool IsPlain(string? contentEncoding) =>
        string.IsNullOrEmpty(contentEncoding) || contentEncoding.Equals("identity", StringComparison.OrdinalIgnoreCase);

    private static RequestBody TooLarge(int limit) =>
        Refused(StatusCodes.Status413PayloadTooLarge, null, $"The body may take {limit} bytes at most.");

    private static RequestBody Refused(int status, string? field, string message) =>
        new(default, new RequestFault(status, [new Fault(ErrorCode.InvalidInput, field, message)]), null, 0);
}
