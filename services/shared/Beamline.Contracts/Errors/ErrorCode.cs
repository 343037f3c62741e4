namespace Beamline.Contracts.Errors;

/// <summary>The error codes of the wire; the catalogue with names and retry rules is <see cref="ErrorCatalogue"/>.</summary>
public enum ErrorCode
{
    None = 0,
    InvalidInput = 1001,
    MissingRequiredField = 1002,
    InvalidFormat = 1003,
    ExecutionFailed = 2001,
    ResourceUnavailable = 2002,
    PermissionDenied = 2003,
    QuotaExceeded = 2004,
    NetworkError = 3001,
    ConnectionTimeout = 3002,
    HttpError = 3003,
    InternalError = 4001,
    SystemOverload = 4002,
    CancelledByUser = 5001,
    Timeout = 5002,
}

/// <summary>Names and retry rules of the codes.</summary>
public static class ErrorCatalogue
{
    /// <summary>The name on the wire, such as <c>http_error</c>. An unknown number is a bug: it throws.</summary>
    public static string NameOf(ErrorCode code) => code switch
    {
        ErrorCode.None => "none",
        ErrorCode.InvalidInput => "invalid_input",
        ErrorCode.MissingRequiredField => "missing_required_field",
        ErrorCode.InvalidFormat => "invalid_format",
        ErrorCode.ExecutionFailed => "execution_failed",
        ErrorCode.ResourceUnavailable => "resource_unavailable",
        ErrorCode.PermissionDenied => "permission_denied",
        ErrorCode.QuotaExceeded => "quota_exceeded",
        ErrorCode.NetworkError => "network_error",
        ErrorCode.ConnectionTimeout => "connection_timeout",
        ErrorCode.HttpError => "http_error",
        ErrorCode.InternalError => "internal_error",
        ErrorCode.SystemOverload => "system_overload",
        ErrorCode.CancelledByUser => "cancelled_by_user",
        ErrorCode.Timeout => "timeout",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "Not an error code of the contract."),
    };

    /// <summary>Whether trying again may help, where the code alone decides (2001, 3003 and 5002 depend on the cause: false here).</summary>
    public static bool IsRetryable(ErrorCode code) => code is ErrorCode.ResourceUnavailable or ErrorCode.QuotaExceeded
        or ErrorCode.NetworkError or ErrorCode.ConnectionTimeout or ErrorCode.InternalError or ErrorCode.SystemOverload;

    /// <summary>408, 425, 429 and 5xx may pass; other 4xx will not.</summary>
    public static bool IsRetryableHttpStatus(int status) => status is 408 or 425 or 429 or (>= 500 and <= 599);
}
