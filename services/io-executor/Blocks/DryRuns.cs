using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.IoExecutor.Blocks;

/// <summary>A dry run must have no effect outside: blocks that would have one and cannot mock it yet refuse.</summary>
internal static class DryRuns
{
    /// <summary>The outcome to return for a dry run, asked after the inputs were checked; null for a real one.</summary>
    public static BlockOutcome? Refusal(StepRequest request) => request.DryRun
        ? BlockOutcome.Failed(ErrorCode.InvalidInput, $"guardrails.dry_run: {request.Type} offers no dry run.", retryable: false, StepOutputs.Reason("dry_run_not_offered"))
        : null;
}
