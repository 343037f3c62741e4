using Beamline.Contracts.Assignments;

namespace Beamline.ExecutorHost.Blocks;

/// <summary>One attempt of one step, as a block sees it.</summary>
public sealed record StepRequest
{
    /// <summary>The block's own type, whatever alias the job used.</summary>
    public required string Type { get; init; }
    public required StepInputs Inputs { get; init; }
    public required string AssignmentId { get; init; }
    public required string RequestId { get; init; }
    public required string ProviderId { get; init; }

    /// <summary><c>executor.endpoint</c>.</summary>
    public string? Endpoint { get; init; }
    public ResourceRequest? Resources { get; init; }
    public bool DryRun { get; init; }

    /// <summary>More than this in outputs fails the step (2001 output_too_large); read no more than this from elsewhere.</summary>
    public required int MaxOutputBytes { get; init; }

    /// <summary>What is left for this attempt when it begins. The token fires at its end: blocks need no timer of their own.</summary>
    public required TimeSpan TimeLeft { get; init; }
    public required int Delivery { get; init; }
    public required int Replay { get; init; }
    public required long Lease { get; init; }

    /// <summary>Retries before this attempt, over all leases.</summary>
    public required int RetriesUsed { get; init; }
}
