using System.Diagnostics.Metrics;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Results;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Leases;

namespace Beamline.ExecutorHost;

/// <summary>What an executor counts, by event; names and labels are the contract's.</summary>
internal sealed class ExecutorMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _tasks;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _stops;
    private readonly Counter<double> _cpuTime;
    private readonly Counter<long> _exchanges;
    private readonly Histogram<double> _latency;
    private long _cpuMicros;

    public ExecutorMetrics(IMeterFactory meters, WorkerIdentity worker, LeaseBook book)
    {
        _meter = meters.Create("Beamline.Executor");
        _tasks = _meter.CreateCounter<long>("worker_tasks_total", description: "Steps ended on this worker, by type and status.");
        _failures = _meter.CreateCounter<long>("worker_task_failures_total", description: "Steps that failed, by type and error code.");
        _stops = _meter.CreateCounter<long>("worker_task_stops_total", description: "Steps stopped from outside, by cause.");
        _cpuTime = _meter.CreateCounter<double>("worker_resource_cpu_time_ms", description: "CPU time of blocks, as far as it can be measured.");
        _exchanges = _meter.CreateCounter<long>("worker_exchanges_total", description: "Calls to the scheduler, by channel and outcome.");
        _latency = _meter.CreateHistogram(
            "worker_task_latency_ms",
            description: "Run time of steps over their attempts, milliseconds.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000] });
        var pool = new KeyValuePair<string, object?>("pool", worker.Pool);
        _meter.CreateObservableGauge("worker_local_queue_depth", () => new Measurement<long>(book.State.Waiting, pool), description: "Leases that wait for a slot here.");
        _meter.CreateObservableGauge("worker_slots_busy", () => new Measurement<long>(book.State.Busy, pool), description: "Slots in use, stuck ones included.");
        _meter.CreateObservableGauge("worker_slots_stuck", () => new Measurement<long>(book.State.Stuck, pool), description: "Slots given up to blocks that ignore their cancellation.");
        _meter.CreateObservableGauge("worker_unreported_results", () => new Measurement<long>(book.State.Unreported, pool), description: "Results that wait for the scheduler's word.");
        _meter.CreateObservableGauge("worker_resource_mem_bytes", () => Environment.WorkingSet, description: "Memory of this process.");
        _meter.CreateObservableGauge("worker_resource_usage", ObserveUsage, description: "CPU time of blocks and memory of the process.");
    }

    /// <summary>CPU time of all blocks so far, as far as it can be measured.</summary>
    public long CpuTimeMs => Interlocked.Read(ref _cpuMicros) / 1000;

    /// <param name="type">The block's.</param>
    /// <param name="result">What is reported.</param>
    /// <param name="ranMs">Its run time here.</param>
    /// <param name="stoppedBy">Why it was stopped from outside; none when it ended by itself.</param>
    public void StepEnded(string type, StepResult result, double ranMs, StopCause stoppedBy)
    {
        var typeTag = new KeyValuePair<string, object?>("type", type);
        _tasks.Add(1, typeTag, new("status", StatusName(result.Status)));
        _latency.Record(ranMs, typeTag);
        if (result.Status != StepStatus.Ok)
        {
            _failures.Add(1, typeTag, new("code", ErrorCatalogue.NameOf(result.ErrorCode)));
        }

        if (stoppedBy != StopCause.None)
        {
            _stops.Add(1, new KeyValuePair<string, object?>("cause", CauseNames.Of(stoppedBy)));
        }
    }

    public void CpuUsed(double cpuMs)
    {
        if (cpuMs > 0)
        {
            _cpuTime.Add(cpuMs);
            Interlocked.Add(ref _cpuMicros, (long)(cpuMs * 1000));
        }
    }

    public void Exchanged(string channel, string outcome) =>
        _exchanges.Add(1, new KeyValuePair<string, object?>("channel", channel), new("outcome", outcome));

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<double>> ObserveUsage() =>
    [
        new(CpuTimeMs, new KeyValuePair<string, object?>("type", "cpu_time_ms")),
        new(Environment.WorkingSet / (1024d * 1024d), new KeyValuePair<string, object?>("type", "memory_mb")),
    ];

    private static string StatusName(StepStatus status) => status switch
    {
        StepStatus.Ok => "success",
        StepStatus.Error => "error",
        StepStatus.Timeout => "timeout",
        _ => "cancelled",
    };
}
