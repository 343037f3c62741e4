using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Beamline.Observability;

/// <summary>The basics of process and runtime, read when they are asked for.</summary>
internal sealed class ProcessMetrics
{
    public ProcessMetrics(IMeterFactory factory)
    {
        var meter = factory.Create("Beamline.Process");
        using var process = Process.GetCurrentProcess();
        var started = new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0;
        meter.CreateObservableCounter("process_cpu_seconds_total", () => Environment.CpuUsage.TotalTime.TotalSeconds, description: "CPU time of the process, user and system");
        meter.CreateObservableGauge("process_resident_memory_bytes", () => Environment.WorkingSet, description: "Resident memory of the process");
        meter.CreateObservableGauge("process_start_time_seconds", () => started, description: "Start of the process, Unix time");
        meter.CreateObservableCounter("dotnet_gc_collections_total", Collections, description: "Garbage collections by generation");
        meter.CreateObservableCounter("dotnet_gc_pause_seconds_total", () => GC.GetTotalPauseDuration().TotalSeconds, description: "Time for which collections stopped the process");
        meter.CreateObservableCounter("dotnet_gc_allocated_bytes_total", () => GC.GetTotalAllocatedBytes(), description: "Bytes allocated since the start");
        meter.CreateObservableGauge("dotnet_gc_heap_bytes", () => GC.GetTotalMemory(false), description: "Managed heap in use");
        meter.CreateObservableGauge("dotnet_threadpool_threads", () => ThreadPool.ThreadCount, description: "Threads of the pool");
        meter.CreateObservableGauge("dotnet_threadpool_queue_length", () => ThreadPool.PendingWorkItemCount, description: "Work that waits for a thread of the pool");
    }

    private static IEnumerable<Measurement<long>> Collections()
    {
        for (var generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            yield return new Measurement<long>(GC.CollectionCount(generation), KeyValuePair.Create("generation", (object?)generation));
        }
    }
}
