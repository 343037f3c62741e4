namespace Beamline.Scheduler.Core;

/// <summary>Section <c>Scheduling</c>.</summary>
public sealed class SchedulingOptions
{
    /// <summary>How long a lease lives without a word from its worker.</summary>
    public TimeSpan LeaseTerm { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a <c>work</c> call without work is held.</summary>
    public TimeSpan HoldTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Deliveries before a task that keeps losing its worker is dead-lettered.</summary>
    public int MaxDeliveries { get; set; } = 3;

    /// <summary>Waiting this long counts as much as one step of priority: nothing starves behind a higher priority for ever.</summary>
    public TimeSpan AgeingStep { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Others given out in the turn of a task that needs more room than is free, before a worker is kept free for it.</summary>
    public int SkipsBeforeReservation { get; set; } = 16;

    /// <summary>A lease whose step runs on this much past its total run time is ended as a timeout by the scheduler, whatever its worker does.</summary>
    public TimeSpan OverrunGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Open tasks (queued, parked, waiting for a person, running). One more is answered 4002.</summary>
    public int MaxOpenTasks { get; set; } = 200_000;

    /// <summary>Bytes of the assignments of open tasks. Beyond it admission answers 4002.</summary>
    public long MaxOpenBytes { get; set; } = 512L * 1024 * 1024;

    /// <summary>Messages that the bus still owes. Beyond it admission answers 4002 until the bus has caught up.</summary>
    public int MaxOutboxRows { get; set; } = 500_000;

    /// <summary>How long a cancellation that overtook its assignment is remembered.</summary>
    public TimeSpan RememberCancels { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Remembered cancellations; the oldest makes room.</summary>
    public int MaxRememberedCancels { get; set; } = 10_000;

    /// <summary>Workers known at a time. A new one beyond it is answered 4002: names must not be made up a call.</summary>
    public int MaxWorkers { get; set; } = 10_000;

    /// <summary>A worker without leases and silent for this long is forgotten.</summary>
    public TimeSpan ForgetWorkerAfter { get; set; } = TimeSpan.FromMinutes(10);
}
