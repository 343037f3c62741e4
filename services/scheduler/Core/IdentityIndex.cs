using System.Buffers.Binary;
using Beamline.Contracts.Assignments;

namespace Beamline.Scheduler.Core;

/// <summary>128 bits of a SHA-256: enough to name a step or an assignment, small enough to keep for every row of the ledger.</summary>
internal readonly record struct Key128(ulong High, ulong Low)
{
    public static Key128 Of(ReadOnlySpan<byte> hash) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(hash), BinaryPrimitives.ReadUInt64BigEndian(hash[8..]));
}

/// <summary>
/// The ledger's unique keys, in memory: which task a step's identity and which task (tenant, assignment) stands for, open or
/// ended. It holds what the ledger holds (bounded by its retention), about 50 bytes a key, so that admission reads no disk.
/// </summary>
internal sealed class IdentityIndex
{
    private readonly Dictionary<Key128, long> _byIdentity = [];
    private readonly Dictionary<Key128, long> _byAssignment = [];

    public int Count => _byAssignment.Count;

    public void Add(TaskKeys keys, long task, bool alias)
    {
        _byAssignment[keys.Assignment] = task;
        if (!alias)
        {
            _byIdentity[keys.Identity] = task;
        }
    }

    public long? ByAssignment(TaskKeys keys) => _byAssignment.TryGetValue(keys.Assignment, out var task) ? task : null;

    public long? ByIdentity(TaskKeys keys) => _byIdentity.TryGetValue(keys.Identity, out var task) ? task : null;

    /// <summary>Forgets a row that was purged, unless its keys stand for a newer one by now.</summary>
    public void Remove(TaskKeys keys, long task)
    {
        if (_byAssignment.TryGetValue(keys.Assignment, out var assigned) && assigned == task)
        {
            _byAssignment.Remove(keys.Assignment);
        }

        if (_byIdentity.TryGetValue(keys.Identity, out var identified) && identified == task)
        {
            _byIdentity.Remove(keys.Identity);
        }
    }
}

/// <summary>The two keys of a task.</summary>
internal readonly record struct TaskKeys(Key128 Identity, Key128 Assignment)
{
    /// <summary>A replay has the keys of what it repeats: whoever submits the assignment or the step again means the newest.</summary>
    public static TaskKeys Of(TaskInfo task) =>
        Of(task.Replay == 0 ? task.Identity : StepIdentity.KeyOf(task.Assignment, replay: 0), task.TenantId, task.AssignmentId);

    public static TaskKeys Of(ReadOnlySpan<byte> identity, string tenantId, string assignmentId) =>
        new(Key128.Of(identity), AssignmentKeyOf(tenantId, assignmentId));

    public static Key128 AssignmentKeyOf(string tenantId, string assignmentId)
    {
        // Ids are validated ASCII (at most 64 and 128 characters); a tenant id holds no ':', so the parts cannot run together.
        Span<byte> text = stackalloc byte[1024];
        var length = System.Text.Encoding.UTF8.GetBytes(tenantId, text);
        text[length++] = (byte)':';
        length += System.Text.Encoding.UTF8.GetBytes(assignmentId, text[length..]);
        Span<byte> hash = stackalloc byte[32];
        System.Security.Cryptography.SHA256.HashData(text[..length], hash);
        return Key128.Of(hash);
    }
}
