using System.Text.Json.Serialization;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.Contracts.Tasks;
using Beamline.Contracts.Workers;

namespace Beamline.Contracts.Json;

/// <summary>Source-generated JSON for every message: snake_case, nulls left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = WireLimits.MaxJsonDepth + 16)]
[JsonSerializable(typeof(ExecAssignment))]
[JsonSerializable(typeof(ExecAssignmentAck))]
[JsonSerializable(typeof(ExecCancel))]
[JsonSerializable(typeof(Approval))]
[JsonSerializable(typeof(ExplainTaskRequest))]
[JsonSerializable(typeof(ExplainTaskResponse))]
[JsonSerializable(typeof(ApprovalOutcome))]
[JsonSerializable(typeof(DecideApprovalResponse))]
[JsonSerializable(typeof(ListApprovalsRequest))]
[JsonSerializable(typeof(ListApprovalsResponse))]
[JsonSerializable(typeof(ExecResult))]
[JsonSerializable(typeof(StepResult))]
[JsonSerializable(typeof(WireError))]
[JsonSerializable(typeof(TaskEvent))]
[JsonSerializable(typeof(TaskEvents))]
[JsonSerializable(typeof(WorkerHeartbeat))]
[JsonSerializable(typeof(DeadLetter))]
[JsonSerializable(typeof(AdmitRequest))]
[JsonSerializable(typeof(AdmitResponse))]
[JsonSerializable(typeof(ExchangeRequest))]
[JsonSerializable(typeof(ExchangeResponse))]
[JsonSerializable(typeof(GetTaskRequest))]
[JsonSerializable(typeof(GetTaskResponse))]
[JsonSerializable(typeof(ListTasksRequest))]
[JsonSerializable(typeof(ListTasksResponse))]
[JsonSerializable(typeof(WaitTasksRequest))]
[JsonSerializable(typeof(WaitTasksResponse))]
[JsonSerializable(typeof(WatchTasksRequest))]
[JsonSerializable(typeof(WatchLine))]
[JsonSerializable(typeof(TaskEventsRequest))]
[JsonSerializable(typeof(TaskEventsResponse))]
[JsonSerializable(typeof(CancelTaskResponse))]
[JsonSerializable(typeof(ListDeadLettersRequest))]
[JsonSerializable(typeof(ListDeadLettersResponse))]
[JsonSerializable(typeof(GetDeadLetterRequest))]
[JsonSerializable(typeof(GetDeadLetterResponse))]
[JsonSerializable(typeof(ReplayDeadLettersRequest))]
[JsonSerializable(typeof(ReplayDeadLettersResponse))]
[JsonSerializable(typeof(GetReplayRequest))]
[JsonSerializable(typeof(GetReplayResponse))]
public sealed partial class BeamlineJson : JsonSerializerContext;
