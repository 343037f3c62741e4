using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Beamline.Contracts.Assignments;

/// <summary>
/// Who a step is: (tenant, flow, step, attempt, replay), or (tenant, assignment, replay) where flow or step is missing.
/// Parts are length-prefixed before hashing, so that no separator inside an id can make two steps one.
/// </summary>
public static class StepIdentity
{
    /// <summary>The SHA-256 of the step's identity: 32 bytes, the key of the ledger's unique index.</summary>
    public static byte[] KeyOf(ExecAssignment assignment, int replay) =>
        assignment is { FlowId: { } flow, StepId: { } step }
            ? Hash("step", assignment.TenantId, flow, step, assignment.Attempt ?? JobDefaults.Attempt, replay)
            : KeyOf(assignment.TenantId, assignment.AssignmentId, replay);

    /// <summary>The same for a step without flow or step: its ids say it all.</summary>
    public static byte[] KeyOf(string tenantId, string assignmentId, int replay) => Hash("assignment", tenantId, assignmentId, "", 0, replay);

    /// <summary>The state store's key of an identity. Hexadecimal, so free of the <c>||</c> that Dapr refuses.</summary>
    public static string StateKey(ReadOnlySpan<byte> identity) => "step-" + Convert.ToHexStringLower(identity);

    /// <summary>
    /// The state store's key of (tenant, assignment): it remembers which body an assignment_id stood for. Of a step without flow
    /// or step it is the identity's own key, so that such a step has one key to look up and to write, not two.
    /// </summary>
    public static string AssignmentStateKey(string tenantId, string assignmentId) => StateKey(KeyOf(tenantId, assignmentId, replay: 0));

    /// <summary>The state store's key of a result that is too large to lie beside its identity.</summary>
    public static string ResultStateKey(ReadOnlySpan<byte> identity) => "result-" + Convert.ToHexStringLower(identity);

    private static byte[] Hash(string kind, string first, string second, string third, int attempt, int replay)
    {
        // Every id is printable ASCII by validation, but a hash must not depend on that: UTF-8 takes up to three bytes a char.
        var capacity = (5 * sizeof(int)) + sizeof(int) + (3 * (kind.Length + first.Length + second.Length + third.Length));
        var rented = ArrayPool<byte>.Shared.Rent(capacity);
        var length = 0;
        foreach (var part in (ReadOnlySpan<string>)[kind, first, second, third])
        {
            var written = Encoding.UTF8.GetBytes(part, rented.AsSpan(length + sizeof(int)));
            BinaryPrimitives.WriteInt32BigEndian(rented.AsSpan(length), written);
            length += sizeof(int) + written;
        }

        BinaryPrimitives.WriteInt32BigEndian(rented.AsSpan(length), attempt);
        BinaryPrimitives.WriteInt32BigEndian(rented.AsSpan(length + sizeof(int)), replay);
        var key = SHA256.HashData(rented.AsSpan(0, length + (2 * sizeof(int))));
        ArrayPool<byte>.Shared.Return(rented);
        return key;
    }
}
