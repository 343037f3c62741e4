using System.Diagnostics;
using System.Text.Json;
using Beamline.Contracts.Json;
using Beamline.Observability;
using Beamline.Scheduler.Lanes;

namespace Beamline.Scheduler.Outbox;

/// <summary>The span <c>worker.result.publish</c> of each result in a bulk: every one belongs to a trace of its own.</summary>
internal static class ResultSpans
{
    public static Task<LaneOutcome> AroundAsync(IReadOnlyList<OutboxMessage> results, Func<Task<LaneOutcome>> publish) =>
        BeamlineTracing.IsListenedTo ? TracedAsync(results, publish) : publish();

    private static async Task<LaneOutcome> TracedAsync(IReadOnlyList<OutboxMessage> results, Func<Task<LaneOutcome>> publish)
    {
        var spans = new Activity?[results.Count];
        try
        {
            for (var i = 0; i < spans.Length; i++)
            {
                // The one before is of another task, so it is nobody's parent: not of the next, and not of the bulk's own call.
                Activity.Current = null;
                spans[i] = Start(results[i]);
            }

            Activity.Current = null;
            var outcome = await publish().ConfigureAwait(false);
            for (var i = 0; i < spans.Length; i++)
            {
                if (outcome.AllFailed || outcome.Failed.Contains(results[i].Id))
                {
                    spans[i]?.SetStatus(ActivityStatusCode.Error, outcome.Reason);
                }
            }

            return outcome;
        }
        finally
        {
            foreach (var span in spans)
            {
                span?.Dispose();
            }
        }
    }

    private static Activity? Start(OutboxMessage message)
    {
        if (message.Task is { Assignment: var assignment } task)
        {
            return BeamlineTracing.StartPublish(
                new SpanIds(task.TenantId, assignment.TraceId, assignment.RunId, assignment.FlowId, assignment.StepId, task.Type, message.Worker),
                assignment.Traceparent,
                assignment.Tracestate);
        }

        return JsonSerializer.Deserialize(message.Body.Span, BeamlineJson.Default.ExecResult) is { } result
            ? BeamlineTracing.StartPublish(
                new SpanIds(result.TenantId, result.TraceId, result.RunId, result.FlowId, result.StepId, result.Metadata.BlockType, result.Metadata.WorkerId),
                result.Traceparent,
                result.Tracestate)
            : null;
    }
}
