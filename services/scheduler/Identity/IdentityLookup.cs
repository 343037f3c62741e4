using Beamline.Contracts.Json;

namespace Beamline.Scheduler.Identity;

/// <summary>Asks the state store about one step that the ledger does not hold.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="AssignmentId">The id it comes under now.</param>
/// <param name="Identity">SHA-256 of the step's identity.</param>
/// <param name="IdentityKey">The state key by identity.</param>
/// <param name="AssignmentKey">The state key by assignment_id.</param>
public sealed record IdentityQuery(string TenantId, string AssignmentId, byte[] Identity, string IdentityKey, string AssignmentKey);

public enum IdentityKnowledge
{
    Unknown,

    /// <summary>Remembered: the other members of the answer are set.</summary>
    Known,

    /// <summary>The state store did not answer in time: nothing may be decided.</summary>
    Unavailable,
}

/// <summary>What the state store remembers of a step.</summary>
public sealed record IdentityAnswer(IdentityKnowledge Knowledge)
{
    public static readonly IdentityAnswer Unknown = new(IdentityKnowledge.Unknown);
    public static readonly IdentityAnswer Unavailable = new(IdentityKnowledge.Unavailable);

    /// <summary>The id under which the step ran.</summary>
    public string? AssignmentId { get; init; }
    public byte[]? BodyHash { get; init; }

    /// <summary>The final state, one of TaskStates.</summary>
    public string? Status { get; init; }

    /// <summary>The ExecResult's bytes where they are kept.</summary>
    public RawJson? Result { get; init; }
}

/// <summary>
/// One answer a query, in the same order, within about a second; never throws for a store that is away.
/// By setting the implementation may answer <see cref="IdentityAnswer.Unknown"/> without a store (the ledger alone decides).
/// </summary>
public delegate ValueTask<IReadOnlyList<IdentityAnswer>> IdentityLookup(IReadOnlyList<IdentityQuery> queries, CancellationToken cancellation);
