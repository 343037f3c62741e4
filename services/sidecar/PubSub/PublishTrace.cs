using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.PubSub;

/// <summary>The trace context that published events carry.</summary>
internal static class PublishTrace
{
    /// <summary>A child of the caller's context, or a new trace; nothing when sampling is off.</summary>
    public static TraceContext ForSingle(HttpRequest request, bool sampled)
    {
        if (!sampled)
        {
            return TraceContext.None;
        }

        var known = ActivityContext.TryParse(request.Headers.TraceParent, request.Headers.TraceState, out var caller);
        var trace = known ? caller.TraceId : ActivityTraceId.CreateRandom();
        return new TraceContext($"00-{trace}-{ActivitySpanId.CreateRandom()}-01", request.Headers.TraceState.ToString());
    }

    /// <summary>Each entry of a bulk has a context of its own, sampled or not.</summary>
    public static TraceContext ForEntry(HttpRequest request, bool sampled)
    {
        if (sampled)
        {
            return ForSingle(request, sampled);
        }

        return new TraceContext($"00-{ActivityTraceId.CreateRandom()}-{ActivitySpanId.CreateRandom()}-00", "");
    }
}
