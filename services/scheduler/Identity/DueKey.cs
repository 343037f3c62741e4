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

    /// <summary>For a replay: the identity of what it repeats. The newest end of a step is what its submitters mean.</summary>
    public byte[]? FirstIdentity { get; init; }
    public required byte[] BodyHash { get; init; }

    /// <summary>The final state, as the wire names it.</summary>
    public required string Status { get; init; }
    public required RawJson Result { get; init; }

    /// <summary>An alias leaves the identity's key to the task that ran, and writes only that of its own assignment_id.</summary>
    public required bool IsAlias { get; init; }

    public long TaskKey => Id;

    // The result as often as it lies beside a key; 800 covers keys and ids.
    public int Bytes => 800 + ((FirstIdentity is null ? 2 : 3) * Result.Length);

    string? ILaneRow.AssignmentId => AssignmentId;

    public static DueKey Of(TaskEnding ending) => new()
    {
        Id = ending.Task.Id,
        TenantId = ending.Task.TenantId,
        AssignmentId = ending.Task.AssignmentId,
        Identity = ending.Task.Identity,
        FirstIdentity = ending.Task.Replay == 0 ? null : StepIdentity.KeyOf(ending.Task.Assignment, replay: 0),
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

        var stored = new StoredKey
        {
            AssignmentId = AssignmentId,
            BodyHash = Convert.ToHexStringLower(BodyHash),
            Status = Status,
            ResultKey = apart ? resultKey : null,
        };
        var value = apart ? stored.ToJson() : stored.ToJson(Result);
        foreach (var key in KeysBeside(assignmentKey))
        {
            yield return new(key, value);
        }

        yield return new(assignmentKey, value);
    }

    private IEnumerable<string> KeysBeside(string assignmentKey)
    {
        if (IsAlias)
        {
            return [];
        }

        IEnumerable<byte[]> identities = FirstIdentity is { } first ? [Identity, first] : [Identity];
        return identities.Select(identity => StepIdentity.StateKey(identity)).Where(key => key != assignmentKey);
    }
}
