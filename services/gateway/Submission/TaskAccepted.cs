using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Gateway.Submission;

/// <summary>The 202 of a submitted task. Its state is one of the contract's; <c>queued</c> also when it went over the bus.</summary>
internal sealed record TaskAccepted
{
    public required string AssignmentId { get; init; }
    public required string RequestId { get; init; }
    public required string TenantId { get; init; }
    public required string State { get; init; }
}

/// <summary>The 200 of a batch: an answer for each task, in order.</summary>
internal sealed record BatchAnswer
{
    public required IReadOnlyList<BatchItem> Items { get; init; }
}

/// <summary>
/// One task of a batch. <see cref="Status"/> is what it would have got alone: 202 accepted, 200 with its result, or an error's.
/// With <c>?wait=</c> these are the lines of the stream.
/// </summary>
internal sealed record BatchItem
{
    /// <summary>The task's place in the batch, from 0.</summary>
    public required int Index { get; init; }
    public required int Status { get; init; }
    public string? AssignmentId { get; init; }
    public string? RequestId { get; init; }
    public string? TenantId { get; init; }
    public string? State { get; init; }

    /// <summary>The ExecResult, with 200.</summary>
    public RawJson? Result { get; init; }
    public WireError? Error { get; init; }
}
