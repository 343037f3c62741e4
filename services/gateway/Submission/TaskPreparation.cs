using System.Text;
using Beamline.Contracts;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Requests;

namespace Beamline.Gateway.Submission;

/// <summary>What a request says beside the assignment.</summary>
internal readonly record struct Submitted(string DefaultTenant, IdempotencyKey? Key, string? Traceparent);

/// <summary>
/// Validates an assignment and completes its ids: assignment_id, request_id and tenant_id may be left out. What is made is put in
/// front of the first member; every byte that the client sent stays as it is.
/// </summary>
internal sealed class TaskPreparation(TimeProvider time)
{
    private static readonly string[] Completed = ["assignment_id", "request_id", "tenant_id"];

    public bool TryPrepare(ReadOnlyMemory<byte> body, Submitted submitted, out PreparedTask? task, out RequestFault? fault)
    {
        (task, fault) = (null, null);
        var reading = AssignmentReader.Read(body);
        var faults = reading.Faults.Where(found => !IsLeftOut(found)).ToArray();
        if (submitted.Key is not null && reading.AssignmentId is not null)
        {
            faults = [.. faults, new Fault(ErrorCode.InvalidInput, "assignment_id", "An Idempotency-Key makes the assignment_id: give one or the other.")];
        }

        if (body.Length > WireLimits.MaxAssignmentBytes)
        {
            fault = new RequestFault(StatusCodes.Status413PayloadTooLarge, faults);
            return false;
        }

        if (faults.Length > 0)
        {
            fault = new RequestFault(StatusCodes.Status400BadRequest, faults);
            return false;
        }

        var key = new TaskKey(reading.TenantId ?? submitted.DefaultTenant, "");
        key = key with { AssignmentId = reading.AssignmentId ?? MakeId(submitted.Key, key.TenantId, "task") };
        var requestId = reading.RequestId ?? MakeId(submitted.Key, key.TenantId, "request");
        var made = Made(reading, key, requestId, TraceparentFor(body, submitted));
        var bytes = made.Length == 0 ? body : Splice(body, made);
        task = new PreparedTask(bytes, key, requestId);
        fault = bytes.Length == body.Length ? null : CheckCompleted(bytes);
        return fault is null;
    }

    private static bool IsLeftOut(Fault fault) =>
        fault.Code == ErrorCode.MissingRequiredField && Array.IndexOf(Completed, fault.Field) >= 0;

    // An explicit null is no id left out: completing it would leave two members of one name.
    private static RequestFault? CheckCompleted(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > WireLimits.MaxAssignmentBytes)
        {
            return new RequestFault(
                StatusCodes.Status413PayloadTooLarge,
                [new Fault(ErrorCode.InvalidInput, null, $"With its ids the assignment takes {bytes.Length} bytes; at most {WireLimits.MaxAssignmentBytes} are allowed.")]);
        }

        return AssignmentReader.Read(bytes).Parsable ? null : RequestFault.Invalid("assignment_id", "An id is a string or left out, not null.", ErrorCode.InvalidFormat);
    }

    private string MakeId(IdempotencyKey? key, string tenantId, string kind) =>
        key?.IdFor(tenantId, kind) ?? Guid.CreateVersion7(time.GetUtcNow()).ToString("N");

    // The trace rides in the payload, since neither the micro-batch nor the bus keeps a header. A body that mentions
    // a traceparent anywhere is left alone: it has its own, or is too odd to touch.
    private static string? TraceparentFor(ReadOnlyMemory<byte> body, Submitted submitted) =>
        submitted.Traceparent is { } given && body.Span.IndexOf("traceparent"u8) < 0 ? given : null;

    // None of these values needs escaping: hexadecimal digits, a tenant id, a traceparent of checked form.
    private static string Made(AssignmentReading reading, TaskKey key, string requestId, string? traceparent)
    {
        if (reading is { AssignmentId: not null, RequestId: not null, TenantId: not null } && traceparent is null)
        {
            return "";
        }

        var made = new StringBuilder(256);
        Add("assignment_id", key.AssignmentId, reading.AssignmentId is null);
        Add("request_id", requestId, reading.RequestId is null);
        Add("tenant_id", key.TenantId, reading.TenantId is null);
        Add("traceparent", traceparent, traceparent is not null);
        return made.ToString();

        void Add(string name, string? value, bool missing)
        {
            if (missing)
            {
                made.Append('"').Append(name).Append("\":\"").Append(value).Append("\",");
            }
        }
    }

    /// <summary>Puts the members in front of the object's first. The object is never empty: it has a version, an executor and a job.</summary>
    private static byte[] Splice(ReadOnlyMemory<byte> body, string members)
    {
        var after = body.Span.IndexOf((byte)'{') + 1;
        var bytes = new byte[body.Length + members.Length];
        body.Span[..after].CopyTo(bytes);
        Encoding.ASCII.GetBytes(members, bytes.AsSpan(after));
        body.Span[after..].CopyTo(bytes.AsSpan(after + members.Length));
        return bytes;
    }
}
