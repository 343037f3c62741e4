using System.Collections.Concurrent;
using System.Diagnostics;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Observability;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Tests.Outbox;

public sealed class ResultSpanTests
{
    private const string Parent = "00-5caf7651916cd43dd8448eb211c80319-b7ad6b7169203331-01";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_result_that_goes_out_has_a_span_in_its_own_trace_also_when_it_is_read_back_from_the_ledger(bool fromLedger)
    {
        using var spans = new EndedSpans();
        var rows = new[] { Row(1, null), Row(2, Parent), Row(3, null) };
        await using var bench = new OutboxBench(leftOver: fromLedger ? rows.Select(ReadBack) : null);
        bench.Sidecar.Poison = "assign-3";
        if (!fromLedger)
        {
            bench.Commit(rows);
        }

        await bench.StartAsync();
        await bench.LeftAsync(1);

        var mine = spans.Named("worker.result.publish").Where(span => (string?)span.GetTagItem("worker_id") == $"w-{GetHashCode()}").ToList();
        var second = mine.First(span => (string?)span.GetTagItem("trace_id") == "trace-2");
        Assert.Equal(("5caf7651916cd43dd8448eb211c80319", "b7ad6b7169203331"), (second.TraceId.ToHexString(), second.ParentSpanId.ToHexString()));
        Assert.Equal(("tenant-a", "http.request", ActivityStatusCode.Unset), (second.GetTagItem("tenant_id"), second.GetTagItem("block_type"), second.Status));
        Assert.Equal(ActivityStatusCode.Error, mine.First(span => (string?)span.GetTagItem("trace_id") == "trace-3").Status);
        Assert.All(mine.Where(span => span != second), span => Assert.Equal(default, span.ParentSpanId));
    }

    private static OutboxRow ReadBack(OutboxRow row) => row with { Data = row.Ending!.Result, Task = null, Ending = null };

    private OutboxRow Row(long id, string? traceparent)
    {
        var task = Rows.Task(id);
        task = task with { Assignment = task.Assignment with { Traceparent = traceparent } };
        var ending = Rows.Ending(task);
        var context = new ResultContext { Delivery = 1, Replay = 0, CompletedAt = 2, WorkerId = $"w-{GetHashCode()}" };
        ending = new()
        {
            Task = task,
            Phase = ending.Phase,
            Step = ending.Step,
            Worker = context.WorkerId,
            Delivery = 1,
            EndedAt = 2,
            Result = new RawJson(ResultConverter.Serialise(ResultConverter.ToExecResult(task.Assignment, ending.Step, context))),
        };
        return new OutboxRow { Id = id, Kind = OutboxKind.Result, TaskId = id, Task = task, Ending = ending, At = 2 };
    }

    private sealed class EndedSpans : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _ended = new();
        private readonly ActivityListener _listener;

        public EndedSpans()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == BeamlineTracing.SourceName,
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = _ended.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public IEnumerable<Activity> Named(string name) => _ended.Where(span => span.OperationName == name);

        public void Dispose() => _listener.Dispose();
    }
}
