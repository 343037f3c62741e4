using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;

namespace Beamline.Scheduler.Identity;

/// <summary>A step that has ended, whose keys the state store has yet to remember.</summary>
internal sealed record DueKey : ILaneRow
{
    /// <summary>The task's row.</summary>
    public required long Id { get; init; }
    public required string TenantId { get; init; }
    public required string AssignmentId { get; init; }
    public required byte[] Identity { get; init; }
    public required byte[] BodyHash { get; init; }

    /// <summary>The final state, as the wire names it.</summary>
    public required string Status { get; init; }
    public required RawJson Result { get; init; }

    /// <summary>An alias leaves the identity's key to the task that ran, and writes only that of its own assignment_id.</summary>
    public required bool IsAlias { get; init; }

    public long TaskKey => Id;

    // Twice the result when it lies beside both keys; 800 covers keys and ids.
    public int Bytes => 800 + (2 * Result.Length);

    string? ILaneRow.AssignmentId => AssignmentId;

    public static DueKey Of(TaskEnding ending) => new()
    {
        Id = ending.Task.Id,
        TenantId = ending.Task.TenantId,
        AssignmentId = ending.Task.AssignmentId,
        Identity = ending.Task.Identity,
        BodyHash = ending.Task.BodyHash,
        Status = ending.Phase.WireName(),
        Result = ending.Result,
        IsAlias = ending.Task.AliasOf is not null,
    };

    /// <summary>The keys and their values: by identity, by assignment_id, and the result where it is too large to lie in both.</summary>
    public IEnumerable<KeyValuePair<string, byte[]>> Values(int inlineResultBytes)
    {
        var assignmentKey = StepIdentity.AssignmentStateKey(TenantId, AssignmentId);
        var apart = Result.Length > inlineResultBytes;
        var resultKey = IsAlias ? "result-of-" + assignmentKey : StepIdentity.ResultStateKey(Identity);
        if (apart)
        {
            yield return new(resultKey, StoredKey.ResultToJson(Result));
        }

        var value = new StoredKey
        {
            AssignmentId = AssignmentId,
            BodyHash = Convert.ToHexStringLower(BodyHash),
            Status = Status,
            Result = apart ? null : Result.ToString(),
            ResultKey = apart ? resultKey : null,
        }.ToJson();
        var identityKey = StepIdentity.StateKey(Identity);
        if (!IsAlias && identityKey != assignmentKey)
        {
            yield return new(identityKey, value);
        }

        yield return new(assignmentKey, value);
    }
}
