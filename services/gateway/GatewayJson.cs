using System.Text.Json.Serialization;
using Beamline.Gateway.Approvals;
using Beamline.Gateway.Cancelling;
using Beamline.Gateway.DeadLetters;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Submission;

namespace Beamline.Gateway;

/// <summary>The bodies that only the HTTP API has.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(TaskAccepted))]
[JsonSerializable(typeof(TaskCancelling))]
[JsonSerializable(typeof(ApprovalDecided))]
[JsonSerializable(typeof(DecisionBody))]
[JsonSerializable(typeof(BatchAnswer))]
[JsonSerializable(typeof(ReplayBody))]
[JsonSerializable(typeof(ReplayOneBody))]
internal sealed partial class GatewayJson : JsonSerializerContext;
