using System.Diagnostics;

namespace Beamline.Observability;

/// <summary>The ids that every contracted span carries; what is not known is left out.</summary>
public readonly record struct SpanIds(
    string? TenantId = null,
    string? TraceId = null,
    string? RunId = null,
    string? FlowId = null,
    string? StepId = null,
    string? BlockType = null,
    string? WorkerId = null);

/// <summary>The contracted spans. Each is null, and costs a few nanoseconds, where nobody listens.</summary>
public static class BeamlineTracing
{
    public const string SourceName = "Beamline";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>False where no span would be made: then what a span is made from need not be looked up.</summary>
    public static bool IsListenedTo => Source.HasListeners();

    /// <summary>The current W3C context, to ride in a payload; null where there is none.</summary>
    public static string? CurrentTraceParent => Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.Id : null;

    /// <summary>An assignment has arrived, over the bus or by admit.</summary>
    public static Activity? StartReceive(in SpanIds ids, string? traceParent = null, string? traceState = null) =>
        Start("worker.assignment.receive", ActivityKind.Consumer, ids, traceParent, traceState);

    /// <summary>A block runs.</summary>
    public static Activity? StartExecute(in SpanIds ids, string? traceParent = null, string? traceState = null) =>
        Start("worker.block.execute", ActivityKind.Internal, ids, traceParent, traceState);

    /// <summary>A result goes to the bus.</summary>
    public static Activity? StartPublish(in SpanIds ids, string? traceParent = null, string? traceState = null) =>
        Start("worker.result.publish", ActivityKind.Producer, ids, traceParent, traceState);

    // The payload's context is the parent where there is one: the current one may belong to a batch of many.
    private static Activity? Start(string name, ActivityKind kind, in SpanIds ids, string? traceParent, string? traceState)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        var activity = ActivityContext.TryParse(traceParent, traceState, isRemote: true, out var parent)
            ? Source.StartActivity(name, kind, parent)
            : Source.StartActivity(name, kind);
        return activity?
            .SetTag("tenant_id", ids.TenantId)
            .SetTag("trace_id", ids.TraceId)
            .SetTag("run_id", ids.RunId)
            .SetTag("flow_id", ids.FlowId)
            .SetTag("step_id", ids.StepId)
            .SetTag("block_type", ids.BlockType)
            .SetTag("worker_id", ids.WorkerId);
    }
}
