using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Results;

/// <summary>
/// Checks a step's result before it is published: every block returns a whole one, whatever happens.
/// An invalid one is the block's bug; the scheduler ends such a step with 4001, details.reason <c>invalid_step_result</c>.
/// </summary>
public static class StepResultValidator
{
    /// <summary>What is missing or contradicts itself, in words; empty for a sound result.</summary>
    public static IReadOnlyList<string> Validate(ExecAssignment assignment, StepResult step)
    {
        List<string> problems = [];
        CheckMetadata(assignment, step.Metadata, problems);
        CheckStatus(step, problems);
        if (step.LatencyMs < 0)
        {
            problems.Add("latency_ms is negative.");
        }

        if (step.RetriesUsed < 0)
        {
            problems.Add("retries_used is negative.");
        }

        return problems;
    }

    private static void CheckMetadata(ExecAssignment assignment, StepMetadata? metadata, List<string> problems)
    {
        if (metadata is null)
        {
            problems.Add("metadata is missing.");
            return;
        }

        CheckSame("tenant_id", assignment.TenantId, metadata.TenantId, problems);
        CheckSame("trace_id", assignment.TraceId, metadata.TraceId, problems);
        CheckSame("run_id", assignment.RunId, metadata.RunId, problems);
        CheckSame("flow_id", assignment.FlowId, metadata.FlowId, problems);
        CheckSame("step_id", assignment.StepId, metadata.StepId, problems);
    }

    private static void CheckSame(string name, string? carried, string? reported, List<string> problems)
    {
        if (carried is not null && carried != reported)
        {
            problems.Add(reported is null ? $"metadata.{name} is missing." : $"metadata.{name} is not the assignment's.");
        }
    }

    private static void CheckStatus(StepResult step, List<string> problems)
    {
        if (!Enum.IsDefined(step.Status) || !Enum.IsDefined(step.ErrorCode))
        {
            problems.Add("status or error_code is not one of the contract's.");
            return;
        }

        var expected = step.Status switch
        {
            StepStatus.Ok => step.ErrorCode == ErrorCode.None,
            StepStatus.Timeout => step.ErrorCode == ErrorCode.Timeout,
            StepStatus.Cancelled => step.ErrorCode == ErrorCode.CancelledByUser,
            _ => step.ErrorCode != ErrorCode.None,
        };
        if (!expected)
        {
            problems.Add($"error_code {(int)step.ErrorCode} contradicts status {step.Status}.");
        }

        if (step.Outputs is { } outputs && (step.Status != StepStatus.Ok || !IsObject(outputs)))
        {
            problems.Add(step.Status == StepStatus.Ok ? "outputs is not a JSON object." : $"outputs are given with status {step.Status}.");
        }

        if (step.ErrorDetails is { } details && !IsObject(details))
        {
            problems.Add("error_details is not a JSON object.");
        }
    }

    // The whole value was parsed when the report was read: its first byte tells its kind.
    private static bool IsObject(RawJson json) => json.Utf8.Span.TrimStart(" \t\r\n"u8) is [(byte)'{', ..];
}
