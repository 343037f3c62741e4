using System.Diagnostics.Metrics;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Engine;

/// <summary>What the scheduler counts, by event.</summary>
internal sealed class SchedulerMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _admissions;
    private readonly Counter<long> _ended;
    private readonly Counter<long> _sent;
    private readonly Histogram<double> _commit;
    private readonly Histogram<double> _send;

    public SchedulerMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("Beamline.Scheduler");
        _admissions = _meter.CreateCounter<long>("scheduler_admissions_total", description: "Assignments answered, by status.");
        _ended = _meter.CreateCounter<long>("scheduler_tasks_ended_total", description: "Tasks ended, by type and status.");
        _sent = _meter.CreateCounter<long>("scheduler_rows_sent_total", description: "Messages for the bus and keys for the state store, by lane and outcome (left, failed).");
        _send = _meter.CreateHistogram(
            "scheduler_send_ms",
            description: "Time of one batch to the bus or the state store, by lane, milliseconds.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000] });
        _commit = _meter.CreateHistogram(
            "scheduler_commit_ms",
            description: "Time of a commit to the ledger, milliseconds; its retries while the disk is full included.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 1000, 10_000] });
    }

    /// <summary>From now on the gauges show this engine.</summary>
    public void EngineStarted(SchedulingEngine engine)
    {
        _meter.CreateObservableGauge(
            "worker_pool_queue_depth",
            () => engine.Depths().Queued.Select(q => new Measurement<long>(q.Depth, new KeyValuePair<string, object?>("pool", q.Pool))),
            description: "Tasks that wait for a worker, by pool.");
        _meter.CreateObservableGauge("scheduler_open_tasks", () => (long)engine.Depths().OpenTasks, description: "Tasks admitted and not ended.");
        _meter.CreateObservableGauge("scheduler_leases", () => (long)engine.Depths().Leases, description: "Leases in force.");
        _meter.CreateObservableGauge("scheduler_outbox_rows", () => (long)engine.Depths().OutboxRows, description: "Messages owed to the bus.");
        _meter.CreateObservableGauge("scheduler_ledger_stalled", () => engine.IsStalled ? 1L : 0L, description: "1 while the disk takes no commits.");
    }

    public void Answered(string status) => _admissions.Add(1, new KeyValuePair<string, object?>("status", status));

    public void Committed(TimeSpan took, IReadOnlyList<TaskEnding> endings)
    {
        _commit.Record(took.TotalMilliseconds);
        foreach (var ending in endings)
        {
            _ended.Add(
                1, new KeyValuePair<string, object?>("type", ending.Task.Type), new KeyValuePair<string, object?>("status", ending.Phase.WireName()));
        }
    }

    /// <summary>A batch of a lane has left, or some of it has not and is tried again.</summary>
    public void BatchSent(string lane, int left, int failed, TimeSpan took)
    {
        var tag = new KeyValuePair<string, object?>("lane", lane);
        _send.Record(took.TotalMilliseconds, tag);
        if (left > 0)
        {
            _sent.Add(left, tag, new("outcome", "left"));
        }

        if (failed > 0)
        {
            _sent.Add(failed, tag, new("outcome", "failed"));
        }
    }

    public void Dispose() => _meter.Dispose();
}
