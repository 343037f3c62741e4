using System.ComponentModel;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>Runs file calls on their own threads and turns what went wrong into outcomes. One for the process.</summary>
internal sealed class FileWork : IDisposable
{
    private readonly BlockingThreads _threads;
    private readonly TenantFolders _folders;
    private readonly FileBlockOptions _options;
    private readonly TimeProvider _clock;

    public FileWork(IOptions<FileBlockOptions> options, TimeProvider clock)
    {
        (_options, _clock) = (options.Value, clock);
        _threads = new BlockingThreads("file", _options.Threads, _options.QueueCapacity);
        _folders = new TenantFolders(_options.Root);
        Store = new FileStore(_folders);
    }

    public FileStore Store { get; }

    /// <summary>The outcome to return where the system has no way to open files without following links.</summary>
    public static BlockOutcome? Unsupported => OperatingSystem.IsLinux()
        ? null
        : BlockOutcome.Failed(ErrorCode.ResourceUnavailable, "Files are offered on Linux only.", retryable: false);

    /// <summary>Calls that were given up and still hang.</summary>
    public int Stuck => _threads.Stuck;

    public void RemoveAbandoned() => _folders.RemoveAbandoned(_clock.GetUtcNow(), _options.AbandonedAfter);

    public async ValueTask<BlockOutcome> RunAsync(Func<CancellationToken, BlockOutcome> call, CancellationToken cancellation)
    {
        if (Unsupported is { } unsupported)
        {
            return unsupported;
        }

        if (_threads.TryRun(call, cancellation) is not { } running)
        {
            return BlockOutcome.Failed(ErrorCode.ResourceUnavailable, "Every thread for files is taken and the queue is full.", details: StepOutputs.Reason("files_busy"));
        }

        try
        {
            return await running.ConfigureAwait(false);
        }
        catch (Exception failure) when (Outcome(failure) is { } outcome)
        {
            return outcome;
        }
    }

    public void Dispose() => _threads.Dispose();

    /// <summary>Null for what is no answer of the file system. Messages name no path of the machine.</summary>
    internal static BlockOutcome? Outcome(Exception failure) => failure switch
    {
        FileRefusedException => Refused(failure.Message),
        RangeOutsideException => BlockOutcome.Failed(ErrorCode.InvalidInput, failure.Message, retryable: false, StepOutputs.Reason("range_outside")),
        Win32Exception system => system.NativeErrorCode switch
        {
            Linux.NotFound => BlockOutcome.Failed(ErrorCode.ExecutionFailed, "There is no such file.", retryable: false, StepOutputs.Reason("not_found")),
            Linux.TooManyLinks or Linux.CrossDevice or Linux.NotADirectory or Linux.IsADirectory or Linux.NoSuchDevice =>
                Refused("The path leads through a link, or through something that is no folder or no file."),
            Linux.NoSpace or Linux.QuotaExceeded => BlockOutcome.Failed(ErrorCode.ResourceUnavailable, "The disk is full.", details: StepOutputs.Reason("no_space")),
            _ => Failed(),
        },
        IOException io when (io.HResult & 0xFFFF) is Linux.NoSpace or Linux.QuotaExceeded =>
            BlockOutcome.Failed(ErrorCode.ResourceUnavailable, "The disk is full.", details: StepOutputs.Reason("no_space")),
        IOException or UnauthorizedAccessException => Failed(),
        _ => null,
    };

    internal static BlockOutcome Refused(string message) => BlockOutcome.Failed(ErrorCode.PermissionDenied, message, retryable: false, StepOutputs.Reason("path_refused"));

    private static BlockOutcome Failed() => BlockOutcome.Failed(ErrorCode.ExecutionFailed, "The file system refused the call.", retryable: true, StepOutputs.Reason("io_error"));
}
