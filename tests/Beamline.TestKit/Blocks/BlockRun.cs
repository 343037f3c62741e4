using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.TestKit.Blocks;

/// <summary>One attempt of a step, run on a block alone, without a host.</summary>
public static class BlockRun
{
    public static StepRequest Request(string type, string inputs, int maxOutputBytes = 256 * 1024) => new()
    {
        Type = type,
        Inputs = StepInputs.Of(JsonDocument.Parse(inputs).RootElement),
        AssignmentId = "assign-1",
        RequestId = "req-1",
        ProviderId = "local",
        MaxOutputBytes = maxOutputBytes,
        TimeLeft = TimeSpan.FromSeconds(30),
        Delivery = 1,
        Replay = 0,
        Lease = 7,
        RetriesUsed = 0,
    };

    public static BlockContext Context(string tenantId = "tenant-a", params string[] scopes) =>
        new() { TenantId = tenantId, WorkerId = "worker-1", RbacScopes = scopes };

    public static Task<BlockOutcome> RunAsync(this IBlockExecutor block, string inputs, BlockContext? context = null, int maxOutputBytes = 256 * 1024) =>
        RunUntilAsync(block, inputs, CancellationToken.None, context, maxOutputBytes);

    /// <summary>As <see cref="RunAsync"/>, told to stop by the token.</summary>
    public static async Task<BlockOutcome> RunUntilAsync(
        this IBlockExecutor block, string inputs, CancellationToken stop, BlockContext? context = null, int maxOutputBytes = 256 * 1024)
    {
        ArgumentNullException.ThrowIfNull(block);
        return await block.ExecuteAsync(Request(block.Type, inputs, maxOutputBytes), context ?? Context(), stop);
    }

    /// <summary>The outputs of an attempt that must have succeeded.</summary>
    public static JsonElement Outputs(this BlockOutcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        return outcome.IsOk ? outcome.Outputs.Parse().RootElement : throw new InvalidOperationException($"The step failed: {outcome.Code} {outcome.Message} {outcome.Details}");
    }

    /// <summary><c>details.reason</c> of an attempt that must have failed with <paramref name="code"/>.</summary>
    public static string? Reason(this BlockOutcome outcome, ErrorCode code)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        if (outcome.Code != code)
        {
            throw new InvalidOperationException($"Expected {code}, got {outcome.Code}: {outcome.Message} {outcome.Outputs}");
        }

        return outcome.Details is { } details && details.Parse().RootElement.TryGetProperty("reason", out var reason) ? reason.GetString() : null;
    }
}
