namespace Beamline.Contracts;

/// <summary>The subjects on the bus. Frozen by the programs that already speak them.</summary>
public static class Topics
{
    public const string Assign = "caf.exec.assign.v1";
    public const string Ack = "caf.exec.assign.v1.ack";
    public const string Result = "caf.exec.result.v1";
    public const string Cancel = "caf.exec.cancel.v1";
    public const string Approval = "caf.exec.approval.v1";
    public const string Heartbeat = "caf.worker.heartbeat.v1";
    public const string DeadLetters = "caf.exec.dlq.v1";
    public const string EventsPrefix = "beamline.worker.events.";
    public const string Audit = "beamline.audit.v1";
    public const string Usage = "beamline.usage.v1";

    /// <summary>The subject of one tenant's events. A valid tenant id is a valid subject token.</summary>
    public static string EventsOf(string tenantId) => EventsPrefix + tenantId;
}

/// <summary>Dapr app-ids: also the names of the service folders, images and deploy files.</summary>
public static class AppIds
{
    public const string Gateway = "gateway";
    public const string Scheduler = "scheduler";
    public const string CpuExecutor = "cpu-executor";
    public const string IoExecutor = "io-executor";
    public const string GpuExecutor = "gpu-executor";
}

/// <summary>Names of the Dapr components, the same in every environment.</summary>
public static class Components
{
    public const string Bus = "beamline-bus";
    public const string AssignLanePrefix = "beamline-assign-";
    public const string Cancel = "beamline-cancel";
    public const string Approval = "beamline-approval";
    public const string State = "beamline-state";
    public const string Secrets = "beamline-secrets";

    /// <summary>The name of intake lane <paramref name="number"/>, counted from 1: <c>beamline-assign-01</c>.</summary>
    public static string AssignLane(int number) => AssignLanePrefix + number.ToString("00", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>The scheduler's methods, by invocation.</summary>
public static class SchedulerMethods
{
    public const string Admit = "admit";
    public const string Exchange = "exchange";
    public const string GetTask = "tasks/get";
    public const string ListTasks = "tasks/list";
    public const string WaitTasks = "tasks/wait";
    public const string WatchTasks = "tasks/watch";
    public const string TaskEvents = "tasks/events";
    public const string ExplainTask = "tasks/explain";
    public const string CancelTask = "tasks/cancel";
    public const string ListDeadLetters = "dead-letters/list";
    public const string DecideApproval = "approvals/decide";
    public const string ListApprovals = "approvals/list";
    public const string GetDeadLetter = "dead-letters/get";
    public const string ReplayDeadLetters = "dead-letters/replay";
    public const string GetReplay = "replays/get";
}

/// <summary>Bounds of the wire.</summary>
public static class WireLimits
{
    /// <summary>An assignment, ids filled in: 256 KiB.</summary>
    public const int MaxAssignmentBytes = 256 * 1024;
    /// <summary>An ExecResult as serialised: 512 KiB.</summary>
    public const int MaxResultBytes = 512 * 1024;
    /// <summary>A result above this is not repeated under <c>outputs</c>.</summary>
    public const int MaxRepeatedOutputsBytes = 64 * 1024;
    /// <summary>Every batch between services (admit, leases, reports, state writes, bulk publish) is cut here.</summary>
    public const int MaxBatchBytes = 2 * 1024 * 1024;
    public const int MaxJsonDepth = 64;
    public const int MaxIdLength = 128;
    public const int MaxTenantIdLength = 64;
}

/// <summary>Pools, as <c>job.resources.class</c> names them.</summary>
public static class Pools
{
    public const string Cpu = "cpu";
    public const string Io = "io";
    public const string Gpu = "gpu";
}
