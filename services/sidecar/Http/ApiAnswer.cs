using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Http;

/// <summary>An answer of the API that is not a stream: the forms of Dapr's HTTP API.</summary>
internal sealed record ApiAnswer(int Status, byte[]? Body = null, string ContentType = "application/json")
{
    public static readonly ApiAnswer NoContent = new(StatusCodes.Status204NoContent);

    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>The plain error: a code and a message.</summary>
    public static ApiAnswer Error(int status, string code, string message) =>
        new(status, GoJson.Write(Fields(("errorCode", code), ("message", message))));

    /// <summary>An error with Google's error details, which newer building blocks add.</summary>
    public static ApiAnswer Error(int status, string code, string message, ErrorReason reason) =>
        new(status, GoJson.Write(Fields(("errorCode", code), ("message", message), ("details", reason.Details(message)))));

    public static ApiAnswer UnknownPath => Error(
        StatusCodes.Status404NotFound, "ERR_DIRECT_INVOKE", "failed getting app id either from the URL path or the header dapr-app-id");

    public static ApiAnswer Refused(string what) => Error(
        StatusCodes.Status501NotImplemented, "ERR_NOT_SUPPORTED", $"{what} is not supported by Beamline's embedded sidecar: use Dapr for it");

    /// <summary>The body ends in a line feed, as everything does that Dapr encodes straight to the wire.</summary>
    public static ApiAnswer Json(IReadOnlyDictionary<string, object?> map) => new(StatusCodes.Status200OK, [.. GoJson.Write(map), (byte)'\n']);

    public static Dictionary<string, object?> Fields(params ReadOnlySpan<(string Name, object? Value)> fields)
    {
        var map = new Dictionary<string, object?>(fields.Length);
        foreach (var (name, value) in fields)
        {
            map.Add(name, value);
        }

        return map;
    }

    public async ValueTask WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        foreach (var (name, value) in Headers)
        {
            response.Headers.Append(name, value);
        }

        if (Body is null)
        {
            return;
        }

        response.ContentType = ContentType;
        response.ContentLength = Body.Length;
        // Not Write and FlushAsync: before the response has started Kestrel lends no memory to write to.
        await response.BodyWriter.WriteAsync(Body, context.RequestAborted).ConfigureAwait(false);
    }
}

/// <summary>What Google's error details say: a reason such as <c>DAPR_PUBSUB_NOT_FOUND</c>, and the resource when it has a type.</summary>
internal sealed record ErrorReason(
    string Reason, IReadOnlyDictionary<string, object?>? Metadata, string? ResourceType = null, string? ResourceName = null, bool DescribesResource = true)
{
    /// <summary>The field that a BadRequest names.</summary>
    public string? Field { get; init; }

    public List<object?> Details(string message)
    {
        var details = new List<object?>(3);
        if (Field is not null)
        {
            var violation = ApiAnswer.Fields(("field", Field), ("description", message));
            details.Add(ApiAnswer.Fields(
                ("@type", "type.googleapis.com/google.rpc.BadRequest"), ("field_violations", new List<object?> { violation })));
        }

        if (ResourceType is not null)
        {
            details.Add(ApiAnswer.Fields(
                ("@type", "type.googleapis.com/google.rpc.ResourceInfo"), ("description", DescribesResource ? message : ""), ("owner", ""),
                ("resource_name", ResourceName), ("resource_type", ResourceType)));
        }

        details.Add(ApiAnswer.Fields(
            ("@type", "type.googleapis.com/google.rpc.ErrorInfo"), ("domain", "dapr.io"), ("metadata", Metadata), ("reason", Reason)));
        return details;
    }
}
