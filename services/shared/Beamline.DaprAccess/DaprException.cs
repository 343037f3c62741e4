using System.Net;

namespace Beamline.DaprAccess;

/// <summary>A call to the sidecar that did not succeed. Never carries a token.</summary>
public class DaprException : Exception
{
    public DaprException(string message, HttpStatusCode? statusCode = null, string? errorCode = null, Exception? innerException = null)
        : base(message, innerException)
    {
        StatusCode = statusCode;
        ErrorCode = errorCode;
    }

    /// <summary>What the sidecar answered; null when no answer came (sidecar unreachable, or no answer in time).</summary>
    public HttpStatusCode? StatusCode { get; }

    /// <summary>Dapr's own code, for example <c>ERR_PUBSUB_NOT_FOUND</c>, where the answer had one.</summary>
    public string? ErrorCode { get; }

    /// <summary>
    /// True when a state call failed because the item is not as the caller expected (etag, or it exists already).
    /// Redis and PostgreSQL answer 500 here: the text is all there is to go by.
    /// </summary>
    public bool IsETagMismatch =>
        StatusCode == HttpStatusCode.Conflict || (ErrorCode?.StartsWith("ERR_STATE_", StringComparison.Ordinal) == true
            && Message.Contains("etag mismatch", StringComparison.OrdinalIgnoreCase));
}
