using System.Diagnostics;
using Beamline.Gateway.Requests;

namespace Beamline.Gateway.Submission;

/// <summary>What a submit says outside its body.</summary>
internal readonly record struct SubmitRequest(Submitted Submitted, TimeSpan? Wait)
{
    public static bool TryRead(HttpRequest request, GatewayOptions options, out SubmitRequest read, out RequestFault? fault)
    {
        read = default;
        if (!RequestQuery.TryTenant(request, options, out var tenant, out fault)
            || !RequestQuery.TryWait(request, options, out var wait, out fault)
            || !IdempotencyKey.TryRead(request, out var key, out fault))
        {
            return false;
        }

        read = new SubmitRequest(new Submitted(tenant, key, TraceparentOf(request)), wait);
        return true;
    }

    // Only a well-formed one: it is put into JSON without escaping.
    private static string? TraceparentOf(HttpRequest request) =>
        request.Headers.TraceParent is [{ Length: 55 } text] && ActivityContext.TryParse(text, null, out _) && text.All(c => char.IsAsciiHexDigitLower(c) || c == '-')
            ? text
            : null;
}
