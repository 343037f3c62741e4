using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;

namespace Beamline.Contracts.Tests.Golden;

/// <summary>The step of the contract's example, and how it may end.</summary>
internal static class Steps
{
    public static string AssignmentJson { get; } = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "golden", "assignment.json"));

    public static ExecAssignment Assignment() => AssignmentReader.ReadTrusted(RawJson.FromString(AssignmentJson));

    public static StepResult Ok() => new()
    {
        Status = StepStatus.Ok,
        ErrorCode = ErrorCode.None,
        Metadata = StepMetadata.Of(Assignment()),
        Outputs = RawJson.FromString("""{"status_code":200,"body":"{\"output\":\"processed\"}","headers":{}}"""),
        LatencyMs = 150,
        Metrics = new StepMetrics { CpuTimeMs = 2, MemBytes = 4096 },
    };

    public static StepResult Failed() => Ok() with
    {
        Status = StepStatus.Error,
        ErrorCode = ErrorCode.HttpError,
        Outputs = null,
        ErrorMessage = "The server answered 503.",
        ErrorDetails = RawJson.FromString("""{"status_code":503,"block_type":"a block's own word is not taken"}"""),
        Retryable = true,
        RetriesUsed = 2,
    };

    public static ResultContext Context() => new() { Delivery = 1, Replay = 0, WorkerId = "io-1", Pool = Pools.Io, CompletedAt = 1640995200150 };
}
