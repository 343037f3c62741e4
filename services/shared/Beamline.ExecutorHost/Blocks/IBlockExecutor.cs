namespace Beamline.ExecutorHost.Blocks;

/// <summary>
/// One kind of work. A single instance serves all steps of its type at once, so it keeps no state of a step.
/// The contract's four verbs are: <c>init</c> = <see cref="InitAsync"/>, <c>execute</c> = <see cref="ExecuteAsync"/>,
/// <c>cancel</c> = the token (its cause is <see cref="BlockContext.StopCause"/>), <c>metrics</c> = kept by the host for every block.
/// </summary>
public interface IBlockExecutor
{
    /// <summary>The type as <c>job.type</c> names it: <c>http.request</c>.</summary>
    string Type { get; }

    /// <summary>The version of the block's code, told to the scheduler beside the type.</summary>
    string Version { get; }

    /// <summary>Older names of the type, offered and run as well.</summary>
    IReadOnlyList<string> Aliases => [];

    /// <summary>Devices that the block computes on, shown in heartbeats.</summary>
    IReadOnlyList<string> Devices => [];

    /// <summary>Runs once before the block is offered. An exception stops the process: a worker never offers what it cannot run.</summary>
    ValueTask InitAsync(CancellationToken cancellation) => ValueTask.CompletedTask;

    /// <summary>
    /// Runs one attempt. Expected failures are outcomes; an exception is a bug and becomes 4001. When the token fires, stop soon
    /// and let the <see cref="OperationCanceledException"/> out: the host turns it into what the cause asks for. In the pools
    /// <c>cpu</c> and <c>gpu</c> the call comes on a thread of the pool's own and may compute without awaiting; in <c>io</c> it
    /// must not block its thread.
    /// </summary>
    ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation);
}
