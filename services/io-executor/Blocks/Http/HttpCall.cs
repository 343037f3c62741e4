using System.Text;
using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.IoExecutor.Blocks.Http;

/// <summary>The inputs of http.request, checked.</summary>
internal sealed record HttpCall(HttpMethod Method, Uri Url, IReadOnlyList<KeyValuePair<string, string>> Headers, ReadOnlyMemory<byte>? Body, int MaxRedirects)
{
    private const int MaxUrlLength = 8 * 1024;
    private const int MaxHeaders = 128;
    private const int MaxHeaderBytes = 32 * 1024;

    // Headers that frame the message or speak to the next hop: the transport's business, and the way to smuggle a second request.
    private static readonly HashSet<string> TransportHeaders = new(StringComparer.OrdinalIgnoreCase)
    {
        "connection", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "http2-settings",
    };

    private static readonly System.Buffers.SearchValues<char> TokenCharacters =
        System.Buffers.SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Reads the inputs; what is wrong with them is in <see cref="StepInputs.Invalid"/> afterwards.</summary>
    public static HttpCall Read(StepRequest request, HttpBlockOptions options)
    {
        var inputs = request.Inputs;
        var body = inputs.OptionalContent("body", "body_base64");
        return new HttpCall(
            ReadMethod(inputs),
            ReadUrl(request),
            ReadHeaders(inputs, body?.Length ?? 0),
            body,
            (int)Math.Min(inputs.OptionalInteger("max_redirects", 0, 100) ?? options.MaxRedirects, options.MaxRedirects));
    }

    private static HttpMethod ReadMethod(StepInputs inputs)
    {
        var name = inputs.OptionalString("method") ?? "GET";
        if (name is { Length: > 0 and <= 32 } && !name.AsSpan().ContainsAnyExcept(TokenCharacters) && !name.Equals("CONNECT", StringComparison.OrdinalIgnoreCase))
        {
            return HttpMethod.Parse(name);
        }

        inputs.AddFault(ErrorCode.InvalidInput, "method", $"{inputs.PathOf("method")} must be an HTTP method; CONNECT is not offered.");
        return HttpMethod.Get;
    }

    private static Uri ReadUrl(StepRequest request)
    {
        var inputs = request.Inputs;
        var text = inputs.OptionalString("url") ?? (inputs.Has("url") ? "" : request.Endpoint);
        var fault = text switch
        {
            null => (ErrorCode.MissingRequiredField, $"{inputs.PathOf("url")} or executor.endpoint is required."),
            _ when WhyUnusable(text) is { } reason => (ErrorCode.InvalidInput, $"{inputs.PathOf("url")} {reason}."),
            _ => default,
        };
        if (fault.Item2 is { } message)
        {
            inputs.AddFault(fault.Item1, "url", message);
            return new Uri("http://invalid.invalid/");
        }

        var url = new Uri(text!);
        return inputs.OptionalObject("query") is { } query ? WithQuery(inputs, url, query) : url;
    }

    /// <summary>Null for a URL that may be called; used for redirects as well.</summary>
    public static string? WhyUnusable(string text)
    {
        if (text.Length > MaxUrlLength || text.AsSpan().ContainsAnyInRange('\0', ' ') || text.Contains('\x7f', StringComparison.Ordinal))
        {
            return "is longer than 8 KiB, or holds spaces or control characters";
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps) || url.Host.Length == 0 || url.Port is < 1 or > 65535)
        {
            return "must be an absolute http or https URL";
        }

        return url.UserInfo.Length > 0 ? "must not hold a user name or password: send an Authorization header" : null;
    }

    private static Uri WithQuery(StepInputs inputs, Uri url, JsonElement query)
    {
        var text = new StringBuilder(url.Query);
        foreach (var member in query.EnumerateObject())
        {
            foreach (var value in OneOrMany(member.Value))
            {
                if (ScalarText(value) is not { } scalar)
                {
                    inputs.AddFault(ErrorCode.InvalidInput, "query", $"{inputs.PathOf("query")}.{member.Name} must be a string, number, boolean, or a list of them.");
                    continue;
                }

                text.Append(text.Length == 0 ? '?' : '&').Append(Uri.EscapeDataString(member.Name)).Append('=').Append(Uri.EscapeDataString(scalar));
            }
        }

        if (text.Length > MaxUrlLength)
        {
            inputs.AddFault(ErrorCode.InvalidInput, "query", $"{inputs.PathOf("query")} makes the URL longer than 8 KiB.");
            return url;
        }

        return new UriBuilder(url) { Query = text.ToString() }.Uri;
    }

    private static List<KeyValuePair<string, string>> ReadHeaders(StepInputs inputs, int bodyLength)
    {
        var headers = new List<KeyValuePair<string, string>>();
        if (inputs.OptionalObject("headers") is not { } given)
        {
            return headers;
        }

        var bytes = 0;
        foreach (var member in given.EnumerateObject())
        {
            foreach (var value in OneOrMany(member.Value))
            {
                var text = ScalarText(value);
                if (WhyRefused(member.Name, text, bodyLength) is { } reason)
                {
                    // The value is not repeated: it may be a secret.
                    inputs.AddFault(ErrorCode.InvalidInput, "headers", $"{inputs.PathOf("headers")}: {reason}.");
                    continue;
                }

                bytes += member.Name.Length + text!.Length;
                headers.Add(new(member.Name, text));
            }
        }

        if (headers.Count > MaxHeaders || bytes > MaxHeaderBytes)
        {
            inputs.AddFault(ErrorCode.InvalidInput, "headers", $"{inputs.PathOf("headers")} holds more than {MaxHeaders} headers or 32 KiB.");
        }

        return headers;
    }

    private static string? WhyRefused(string name, string? value, int bodyLength)
    {
        if (name.Length is 0 or > 256 || name.AsSpan().ContainsAnyExcept(TokenCharacters))
        {
            return "a name is not a header name";
        }

        if (value is null)
        {
            return $"{name} must be a string or a list of strings";
        }

        // CR, LF and NUL would end the header and begin something else (header injection); other controls have no meaning there.
        if (value.Any(c => char.IsControl(c) && c != '\t'))
        {
            return $"{name} holds a line break or control character";
        }

        if (name.Equals("content-length", StringComparison.OrdinalIgnoreCase))
        {
            return value == bodyLength.ToString(System.Globalization.CultureInfo.InvariantCulture) ? null : "Content-Length differs from the body's length";
        }

        return TransportHeaders.Contains(name) ? $"{name} is set by the transport" : null;
    }

    private static List<JsonElement> OneOrMany(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];

    private static string? ScalarText(JsonElement value)
    {
        try
        {
            return value.ValueKind switch
            {
                JsonValueKind.String => value.GetString(),
                JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
                _ => null,
            };
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate escape.
            return null;
        }
    }
}
