using System.Text;
using System.Text.Json.Nodes;
using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Recordings;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>What is contractual of an exchange, and where two of them differ. An empty list means none.</summary>
internal static class Comparison
{
    /// <summary>
    /// Not contractual: framing, and the two headers in which the runtime leaks its inner answer to a failed bulk publish.
    /// </summary>
    private static readonly HashSet<string> FreeResponseHeaders = new(StringComparer.OrdinalIgnoreCase)
    {
        "Content-Length", "Transfer-Encoding", "Connection", "Date", "Server", "Metadata.error", "Metadata.responsedata",
    };

    private static readonly HashSet<string> FreeRequestHeaders = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding",
    };

    /// <summary>Must be there, with whatever value.</summary>
    private static readonly HashSet<string> VaryingHeaders = new(StringComparer.OrdinalIgnoreCase)
    {
        "Etag", "Metadata.ttlexpiretime", "Traceparent", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
    };

    public static IEnumerable<string> Responses(RecordedCase recorded, Answered actual)
    {
        var expected = recorded.Response!;
        if (expected.Status != actual.Status)
        {
            yield return $"status {actual.Status}, recorded {expected.Status}; body: {Short(actual.Text)}";
            yield break;
        }

        foreach (var difference in Headers("response", expected.Headers, actual.Headers, FreeResponseHeaders, []))
        {
            yield return difference;
        }

        foreach (var difference in ResponseBodies(expected, actual))
        {
            yield return difference;
        }
    }

    /// <summary>Requests are compared as a bag: the order within a bulk is not kept by the runtime either.</summary>
    public static IEnumerable<string> Requests(IEnumerable<RecordedMessage> expected, IEnumerable<ReceivedRequest> actual)
    {
        var left = actual.ToList();
        foreach (var request in expected)
        {
            var best = left.OrderBy(candidate => Requests(request, candidate).Count()).FirstOrDefault();
            if (best is null)
            {
                yield return $"the app did not receive {request.Method} {request.Path} {Short(Mask.Bytes(request.Body))}";
                continue;
            }

            left.Remove(best);
            foreach (var difference in Requests(request, best))
            {
                yield return difference;
            }
        }

        foreach (var extra in left)
        {
            yield return $"the app also received {extra.Method} {extra.Target} {Short(Mask.Bytes(extra.Body))}";
        }
    }

    public static IEnumerable<string> Wires(IEnumerable<RecordedWireMessage> expected, IEnumerable<RecordedWireMessage> actual)
    {
        var left = actual.Select(Line).ToList();
        foreach (var line in expected.Select(Line))
        {
            if (!left.Remove(line))
            {
                yield return $"not on the wire: {Short(line)}; there were [{string.Join(" | ", left.Select(Short))}]";
            }
        }

        foreach (var line in left)
        {
            yield return $"also on the wire: {Short(line)}";
        }

        static string Line(RecordedWireMessage message) => $"{message.Subject} {Mask.Bytes(message.Body)}";
    }

    private static IEnumerable<string> Requests(RecordedMessage expected, ReceivedRequest actual)
    {
        if (expected.Method != actual.Method || expected.Path != actual.Target)
        {
            yield return $"the app received {actual.Method} {actual.Target}, recorded {expected.Method} {expected.Path}";
        }

        foreach (var difference in Headers("app request", expected.Headers, actual.Headers, FreeRequestHeaders, ["Traceparent", "Tracestate"]))
        {
            yield return difference;
        }

        if (Mask.Bytes(expected.Body) != Mask.Bytes(actual.Body))
        {
            yield return $"the app received body {Short(Mask.Bytes(actual.Body))}, recorded {Short(Mask.Bytes(expected.Body))}";
        }
    }

    private static IEnumerable<string> Headers(
        string what,
        IReadOnlyDictionary<string, string[]> expected,
        IReadOnlyDictionary<string, string[]> actual,
        HashSet<string> free,
        string[] allowedExtra)
    {
        foreach (var (name, values) in expected.Where(header => !free.Contains(header.Key)))
        {
            if (!actual.TryGetValue(name, out var found))
            {
                yield return $"{what} header {name} is missing";
            }
            else if (!VaryingHeaders.Contains(name) && !values.SequenceEqual(found, StringComparer.OrdinalIgnoreCase))
            {
                yield return $"{what} header {name} is '{string.Join("', '", found)}', recorded '{string.Join("', '", values)}'";
            }
        }

        foreach (var (name, values) in actual)
        {
            if (!free.Contains(name) && !expected.ContainsKey(name) && !allowedExtra.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                yield return $"{what} header {name}: {string.Join(", ", values)} was not recorded";
            }
        }
    }

    private static IEnumerable<string> ResponseBodies(RecordedResponse expected, Answered actual)
    {
        var recorded = Encoding.UTF8.GetString(expected.Body);
        if (expected.Extract is { } extract)
        {
            return Json.Contains(JsonNode.Parse(extract.GetRawText())!, Json.Parse(actual.Text), "");
        }

        if (Json.Parse(recorded) is JsonObject error && error.ContainsKey("errorCode"))
        {
            return ErrorBodies(error, actual.Text);
        }

        if (Json.Parse(recorded) is JsonObject metadata && metadata.ContainsKey("runtimeVersion"))
        {
            return Metadata.Differences(metadata, actual.Text);
        }

        return SameText(Mask.Bytes(expected.Body), Mask.Bytes(actual.Body))
            ? []
            : [$"body {Short(Mask.Bytes(actual.Body))}, recorded {Short(Mask.Bytes(expected.Body))}"];
    }

    /// <summary>The message is the runtime's own wording; that there is one is contractual, and so are the entries that failed.</summary>
    private static IEnumerable<string> ErrorBodies(JsonObject expected, string actual)
    {
        if (Json.Parse(actual) is not JsonObject error)
        {
            yield return $"body {Short(actual)} is no error object";
            yield break;
        }

        if ((string?)error["errorCode"] != (string?)expected["errorCode"])
        {
            yield return $"errorCode {error["errorCode"]}, recorded {expected["errorCode"]}";
        }

        if (expected.ContainsKey("message") && string.IsNullOrEmpty((string?)error["message"]))
        {
            yield return "the error has no message";
        }

        if (Entries(expected) != Entries(error))
        {
            yield return $"failed entries [{Entries(error)}], recorded [{Entries(expected)}]";
        }

        static string Entries(JsonObject error) => string.Join(
            ",", (error["failedEntries"] as JsonArray ?? []).Select(entry => (string?)entry!["entryId"]).Order(StringComparer.Ordinal));
    }

    /// <summary>The answer to a bulk get lists its items in any order; all else is compared as text.</summary>
    private static bool SameText(string expected, string actual)
    {
        if (expected.TrimEnd('\n') == actual.TrimEnd('\n'))
        {
            return true;
        }

        return Json.Parse(expected) is JsonArray recorded && Json.Parse(actual) is JsonArray found
            && Sorted(recorded).SequenceEqual(Sorted(found));

        static IEnumerable<string> Sorted(JsonArray items) =>
            items.Select(item => item?.ToJsonString() ?? "null").Order(StringComparer.Ordinal);
    }

    private static string Short(string text) => text.Length <= 400 ? text : $"{text[..400]}… ({text.Length})";
}
