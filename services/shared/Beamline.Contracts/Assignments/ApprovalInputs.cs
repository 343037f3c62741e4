using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Assignments;

/// <summary>What a human.approval asks, and whom. Validated with its assignment.</summary>
/// <param name="Prompt">1 to <see cref="MaxPromptLength"/> characters, not all blank.</param>
/// <param name="Approvers">1 to <see cref="MaxApprovers"/> ids, compared letter by letter. One of them decides.</param>
public sealed record ApprovalInputs(string Prompt, IReadOnlyList<string> Approvers)
{
    public const int MaxPromptLength = 4096;
    public const int MaxApprovers = 100;

    /// <summary>Reads them from an assignment that was validated before.</summary>
    /// <exception cref="System.Text.Json.JsonException">The bytes are not JSON.</exception>
    public static ApprovalInputs Of(RawJson assignment) => Of(AssignmentReader.ReadTrusted(assignment).Job);

    /// <summary>Reads them from a job that was validated before.</summary>
    public static ApprovalInputs Of(Job job)
    {
        var approvers = job.TryReadInput("approvers", out var list) ? list.EnumerateArray().Select(id => id.GetString()!) : [];
        return new ApprovalInputs(job.TryReadInput("prompt", out var prompt) ? prompt.GetString()! : "", [.. approvers]);
    }

    internal static ApprovalInputs Read(FieldReader inputs)
    {
        var prompt = inputs.RequiredText("prompt", MaxPromptLength);
        if (prompt.Length > 0 && string.IsNullOrWhiteSpace(prompt))
        {
            inputs.Fault(ErrorCode.InvalidFormat, "prompt", "The prompt must not be blank: a person has to know what is asked.");
        }

        return new ApprovalInputs(prompt, inputs.RequiredIds("approvers", MaxApprovers));
    }
}
