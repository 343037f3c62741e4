using System.Text.Json.Serialization.Metadata;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Tasks;
using Beamline.Contracts.Workers;

namespace Beamline.Contracts.Tests.Golden;

/// <summary>One instance of every message, every field set at least once. The golden file of the same name holds its exact bytes.</summary>
internal static class Messages
{
    private static readonly BeamlineJson Json = BeamlineJson.Default;
    private static readonly RawJson Assignment = RawJson.FromString("""{"version":"1","id":"foreign","big":123456789012345678901234567890,"a" : 1}""");
    private static readonly RawJson Result = RawJson.FromString("""{"id":"result:t:a:0"}""");
    private static readonly WireError Overload = WireError.Of(ErrorCode.SystemOverload, "The queue is full.", retryAfterMs: 1500);

    public static readonly Dictionary<string, (object Value, JsonTypeInfo Type)> All = new()
    {
        ["ack-accepted"] = (Ack(), Json.ExecAssignmentAck),
        ["ack-rejected"] = (Rejected(), Json.ExecAssignmentAck),
        ["admit-request"] = (AdmitRequest(), Json.AdmitRequest),
        ["admit-response"] = (AdmitResponse(), Json.AdmitResponse),
        ["approval"] = (new Approval { AssignmentId = "assign-123", TenantId = "tenant-789", Approved = true, Approver = "ann", Comment = "fine", DecidedAt = 1640995200000 }, Json.Approval),
        ["approval-outcome"] = (Decision(), Json.ApprovalOutcome),
        ["cancel"] = (new ExecCancel { AssignmentId = "assign-123", TenantId = "tenant-789", Reason = "changed my mind", RequestedBy = "ann", RequestedAt = 1640995200000 }, Json.ExecCancel),
        ["cancel-task-response"] = (new CancelTaskResponse { Found = true, State = TaskStates.Running }, Json.CancelTaskResponse),
        ["decide-approval-response"] = (DecisionTooLate(), Json.DecideApprovalResponse),
        ["dead-letter"] = (Dead(), Json.DeadLetter),
        ["dead-letter-unparsable"] = (Unparsable(), Json.DeadLetter),
        ["exchange-request"] = (ExchangeRequest(), Json.ExchangeRequest),
        ["exchange-response"] = (ExchangeResponse(), Json.ExchangeResponse),
        ["get-task-request"] = (new GetTaskRequest("tenant-789", "assign-123"), Json.GetTaskRequest),
        ["get-task-response"] = (new GetTaskResponse { Task = Task() }, Json.GetTaskResponse),
        ["heartbeat"] = (Heartbeat(), Json.WorkerHeartbeat),
        ["list-approvals-request"] = (new ListApprovalsRequest { TenantId = "tenant-789", Cursor = "c1", Limit = 10 }, Json.ListApprovalsRequest),
        ["list-approvals-response"] = (new ListApprovalsResponse { Approvals = [Waiting()], Cursor = "c2", Error = WireError.Of(ErrorCode.InvalidInput, "no such cursor", field: "cursor") }, Json.ListApprovalsResponse),
        ["list-dead-letters-request"] = (new ListDeadLettersRequest { TenantId = "tenant-789", Cursor = "c1", Limit = 10 }, Json.ListDeadLettersRequest),
        ["get-dead-letter-request"] = (new GetDeadLetterRequest("tenant-789", "dl-1"), Json.GetDeadLetterRequest),
        ["get-dead-letter-response"] = (new GetDeadLetterResponse { DeadLetter = RawJson.From(Replayed(), Json.DeadLetter) }, Json.GetDeadLetterResponse),
        ["replay-dead-letters-request"] = (ReplayAsked(), Json.ReplayDeadLettersRequest),
        ["replay-dead-letters-response"] = (ReplayAnswered(), Json.ReplayDeadLettersResponse),
        ["get-replay-request"] = (new GetReplayRequest("tenant-789", "rp-1"), Json.GetReplayRequest),
        ["get-replay-response"] = (new GetReplayResponse { Replay = Progress() }, Json.GetReplayResponse),
        ["list-dead-letters-response"] = (new ListDeadLettersResponse { DeadLetters = [Result], Cursor = "c2" }, Json.ListDeadLettersResponse),
        ["list-tasks-request"] = (new ListTasksRequest { TenantId = "tenant-789", State = "queued", Type = "crypto.hash", Cursor = "c1", Limit = 10 }, Json.ListTasksRequest),
        ["list-tasks-response"] = (new ListTasksResponse { Tasks = [Task()], Cursor = "c2", Error = WireError.Of(ErrorCode.InvalidInput, "no such state", field: "state") }, Json.ListTasksResponse),
        ["result-error"] = (Failure(), Json.ExecResult),
        ["result-success"] = (Success(), Json.ExecResult),
        ["step-result"] = (Steps.Failed(), Json.StepResult),
        ["task-events"] = (new TaskEvents { Id = "pack-1", TenantId = "tenant-789", Events = [Event()] }, Json.TaskEvents),
        ["task-events-rejected"] = (new TaskEvents { Id = "events:2c26b46b", TenantId = "tenant-789", Events = [RejectedEvent()] }, Json.TaskEvents),
        ["task-events-request"] = (new TaskEventsRequest { TenantId = "tenant-789", AssignmentId = "assign-123", AfterSequence = 3, HoldMs = 5000 }, Json.TaskEventsRequest),
        ["task-events-response"] = (new TaskEventsResponse { Found = true, Events = [Event()], Ended = true }, Json.TaskEventsResponse),
        ["wait-tasks-request"] = (new WaitTasksRequest { Watcher = "w1", Tasks = [new TaskKey("tenant-789", "assign-123")] }, Json.WaitTasksRequest),
        ["wait-tasks-response"] = (new WaitTasksResponse { Ended = [Ended()], Unknown = [new TaskKey("tenant-789", "assign-124")] }, Json.WaitTasksResponse),
        ["watch-line"] = (new WatchLine { Ended = [Ended()], Opened = true }, Json.WatchLine),
        ["watch-tasks-request"] = (new WatchTasksRequest("w1"), Json.WatchTasksRequest),
    };

    private static ExecAssignmentAck Ack() => new()
    {
        Id = "ack:tenant-789:assign-123:1",
        AssignmentId = "assign-123",
        Status = AckStatuses.Accepted,
        Message = "Assignment accepted for execution",
        RequestId = "req-456",
        TraceId = "trace-abc",
        TenantId = "tenant-789",
        AcknowledgedAt = 1640995200000,
    };

    private static ApprovalOutcome Decision() => new() { Approved = true, Approver = "ann", Comment = "fine", ApprovedAt = 1640995200000 };

    private static DecideApprovalResponse DecisionTooLate() => new()
    {
        Found = true, State = TaskStates.Success, Decision = Decision(), Repeated = true, Conflict = true,
        Error = WireError.Of(ErrorCode.InvalidInput, "Task 'assign-123' was approved by 'ann'."),
    };

    private static ApprovalView Waiting() => new()
    {
        TenantId = "tenant-789", AssignmentId = "assign-123", RequestId = "req-456", FlowId = "flow-1", StepId = "step-1",
        Prompt = "Pay?", Approvers = ["ann", "bob"], WaitingSince = 1640995200000, ExpiresAt = 1641081600000,
    };

    private static ExecAssignmentAck Rejected() => Ack() with
    {
        Id = "ack:tenant-789:assign-123:2",
        Status = AckStatuses.Rejected,
        Message = "two faults",
        Error = WireError.Of([
            new Fault(ErrorCode.MissingRequiredField, "job.type", "job.type is required."),
            new Fault(ErrorCode.InvalidInput, "priority", "10 is out of range: 0 to 9."),
        ]),
    };

    private static AdmitRequest AdmitRequest() => new()
    {
        Watcher = "w1",
        Items =
        [
            new AdmitItem { Assignment = Assignment, Source = AdmitSources.Gateway, Principal = "ann", Scopes = ["tasks:write"], Wait = true },
            new AdmitItem { Assignment = Assignment, Source = AdmitSources.Bus },
        ],
    };

    private static AdmitResponse AdmitResponse() => new()
    {
        Items =
        [
            new AdmitOutcome { Status = AdmitStatuses.Accepted, AssignmentId = "a", RequestId = "r", TenantId = "t", State = TaskStates.Queued },
            new AdmitOutcome { Status = AdmitStatuses.Accepted, AssignmentId = "b", RequestId = "r", TenantId = "t", State = TaskStates.Success, Duplicate = true, Result = Result },
            new AdmitOutcome { Status = AdmitStatuses.Rejected, Conflict = true, Error = Overload },
        ],
    };

    private static DeadLetter Dead() => new()
    {
        Id = "dead:tenant-789:assign-123:0",
        DeadLetterId = "dl-1",
        Reason = "http_error",
        Assignment = Assignment,
        Result = Result,
        Attempt = 1,
        Delivery = 3,
        Replay = 0,
        DeadLetteredAt = 1640995200000,
    };

    private static DeadLetter Replayed() => Dead() with
    {
        Replayed = new DeadLetterReplay
        {
            ReplayId = "rp-1", State = DeadLetterReplayStates.Replayed, RequestedBy = "ann", Comment = "mended", RequestedAt = 1640995300000,
            ReplayedAt = 1640995300100, Replay = 1, TaskState = "success", Error = "none",
        },
    };

    private static ReplayDeadLettersRequest ReplayAsked() => new()
    {
        TenantId = "tenant-789",
        Filter = new ReplayFilter { Ids = ["dl-1"], Reason = "http_error", BlockType = "http.request", Since = 1640995200000, Until = 1640995300000 },
        Rate = 2.5, Max = 10, DryRun = true, AllowRepeat = true, RequestedBy = "ann", Comment = "mended",
    };

    private static ReplayDeadLettersResponse ReplayAnswered() => new()
    {
        ReplayId = "rp-1", Accepted = 1, More = true, Refused = 1,
        Refusals = [new ReplayRefusal { DeadLetterId = "dl-2", Reason = ReplayRefusals.AlreadyReplayed, Message = "It has been replayed.", ReplayId = "rp-0" }],
        Error = WireError.Of(ErrorCode.QuotaExceeded, "too many", retryAfterMs: 1000),
    };

    private static ReplayProgress Progress() => new()
    {
        ReplayId = "rp-1", TenantId = "tenant-789", RequestedAt = 1640995300000, RequestedBy = "ann", Comment = "mended", Rate = 2.5,
        Total = 4, Waiting = 1, Replayed = 2, Refused = 1,
    };

    private static DeadLetter Unparsable() => Dead() with
    {
        Reason = "invalid_format",
        Assignment = null,
        Result = null,
        AssignmentRawBase64 = "eyJ2",
        Truncated = true,
    };

    private static ExchangeRequest ExchangeRequest() => new()
    {
        Worker = "io-1",
        Incarnation = "i1",
        Pool = Pools.Io,
        Channel = ExchangeChannels.Report,
        Seq = 7,
        Seen = new SeenSeqs(6, 5),
        Free = 4,
        Running = [new RunningLease(4503599627370497, 120, 1)],
        Offers = [new BlockOffer("http.request", "1")],
        Devices = ["cpu"],
        Starts = [new LeaseStart(12)],
        Reports =
        [
            new LeaseReport { Lease = 11, Kind = ReportKinds.Ended, Result = Steps.Ok(), RanMs = 150, RetriesUsed = 2 },
            new LeaseReport { Lease = 13, Kind = ReportKinds.RetryAt, Result = Steps.Failed(), RetryAfterMs = 5000 },
        ],
        Progress = [new LeaseProgress(11, TaskEventTypes.Progress, 1640995200000, RawJson.FromString("""{"done":0.5}"""))],
        Draining = true,
    };

    private static ExchangeResponse ExchangeResponse() => new()
    {
        Seq = 7,
        Leases =
        [
            new Lease
            {
                Number = 4503599627370498, TenantId = "t", AssignmentId = "a", Assignment = Assignment, Delivery = 1, Replay = 0,
                RetriesUsed = 1, RanMs = 10, RemainingMs = 29990, ExpiresAt = 1640998800000, StartRequired = true, Scopes = ["files"],
            },
        ],
        Renewed = [1],
        Cancelled = [2],
        Refused = [3],
        Accepted = [4],
        Started = [5],
        HeldMs = 12,
        TermMs = 15000,
        Superseded = true,
    };

    private static TaskView Task() => new()
    {
        TenantId = "tenant-789", AssignmentId = "assign-123", RequestId = "req-456", State = TaskStates.Success, Type = "crypto.hash",
        FlowId = "flow-1", StepId = "step-1", AdmittedAt = 1640995200000, StartedAt = 1640995200001, CompletedAt = 1640995200002,
        Delivery = 1, RetriesUsed = 0, Result = Result,
    };

    private static TaskEnded Ended() => new() { TenantId = "t", AssignmentId = "a", Result = Result };

    private static TaskEvent Event() => new()
    {
        EventId = "e1", Type = TaskEventTypes.Started, AssignmentId = "assign-123", TenantId = "tenant-789", FlowId = "flow-1",
        StepId = "step-1", RunId = "run-def", TraceId = "trace-abc", Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        Sequence = 2, At = 1640995200000, Data = RawJson.FromString("""{"worker_id":"io-1"}"""),
    };

    private static TaskEvent RejectedEvent() => Event() with
    {
        EventId = "event:tenant-789:assign-123:rejected:5f0c", Type = TaskEventTypes.Rejected, Sequence = 1,
        Data = RawJson.FromString("""{"code":"quota_exceeded","number":2004,"message":"The tenant has as many open tasks as it may have."}"""),
    };

    private static WorkerHeartbeat Heartbeat() => new()
    {
        Id = "hb-1", WorkerId = "io-1", Incarnation = "i1", Pool = Pools.Io, Status = "healthy", Version = "0.1.0",
        Capacity = new WorkerCapacity(16, 3, 0), Load = new WorkerLoad(12, 4096), Devices = ["cpu"],
        BlockTypes = [new BlockOffer("http.request", "1")], Running = ["assign-123"], Timestamp = 1640995200000,
    };

    private static ExecResult Success() => ResultConverter.ToExecResult(Steps.Assignment(), Steps.Ok(), Steps.Context());

    private static ExecResult Failure() => ResultConverter.ToExecResult(Steps.Assignment(), Steps.Failed(), Steps.Context());
}
