using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.FaultyExecutor;

/// <summary>
/// <c>crypto.hash</c>, badly: the content <c>throw</c> makes it throw, <c>overflow</c> overflow its stack (which ends the process),
/// <c>block</c> keep its thread for ever, whatever its token says. Any other content is hashed.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by the block registry.")]
internal sealed class FaultyBlock : IBlockExecutor
{
    public string Type => "crypto.hash";

    public string Version => "1";

    public ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation)
    {
        var content = request.Inputs.RequiredContent();
        if (request.Inputs.Invalid is { } invalid)
        {
            return ValueTask.FromResult(invalid);
        }

        if (content.Span.SequenceEqual("throw"u8))
        {
            throw new InvalidOperationException("This block throws when it is told to.");
        }

        if (content.Span.SequenceEqual("block"u8))
        {
            using var never = new ManualResetEvent(false);
            never.WaitOne();
        }

        var depth = content.Span.SequenceEqual("overflow"u8) ? Deeper(0) : 0;
        return ValueTask.FromResult(BlockOutcome.Ok(StepOutputs.Write((Digest: Convert.ToHexStringLower(SHA256.HashData(content.Span)), depth), static (json, state) =>
        {
            json.WriteString("algorithm", "sha256");
            json.WriteString("digest", state.Digest);
        })));
    }

    // Adds after the call, so that no optimisation makes a loop of it.
    private static int Deeper(int depth) => depth < 0 ? depth : Deeper(depth + 1) + 1;
}
