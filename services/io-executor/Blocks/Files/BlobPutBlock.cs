using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>
/// <c>fs.blob_put</c> (= <c>fs.put</c>): writes one of the tenant's files, atomically and durably.
/// <para>Inputs: <c>path</c> (<c>/data/x</c> is <c>data/x</c> under the tenant's root; missing folders are made), <c>content</c> or
/// <c>content_base64</c>, <c>content_type</c> (else by the name's ending).</para>
/// <para>Result: <c>path</c>, <c>size_bytes</c>, <c>content_type</c> (as a reader will get it), <c>sha256</c>.</para>
/// <para>Errors: 2003 <c>path_refused</c> for <c>..</c>, links, special files and names that could be taken for these; 2002 when the disk
/// or the queue is full; 1001 to 1003 inputs.</para>
/// </summary>
internal sealed class BlobPutBlock(FileWork files) : IBlockExecutor
{
    public string Type => "fs.blob_put";

    public string Version => "1";

    public IReadOnlyList<string> Aliases { get; } = ["fs.put"];

    public ValueTask InitAsync(CancellationToken cancellation)
    {
        files.RemoveAbandoned();
        return ValueTask.CompletedTask;
    }

    public ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation)
    {
        var inputs = request.Inputs;
        var text = inputs.RequiredString("path");
        var content = inputs.RequiredContent();
        var contentType = inputs.OptionalString("content_type");
        if (contentType is not null && !ContentTypes.IsValid(contentType))
        {
            inputs.AddFault(ErrorCode.InvalidInput, "content_type", $"{inputs.PathOf("content_type")} must look like type/subtype, in at most {ContentTypes.MaxLength} characters of ASCII.");
        }

        if ((inputs.Invalid ?? DryRuns.Refusal(request)) is { } invalid)
        {
            return ValueTask.FromResult(invalid);
        }

        if (TenantPath.Parse(text, out var reason) is not { } path)
        {
            return ValueTask.FromResult(FileWork.Refused(reason));
        }

        return files.RunAsync(stop => Result(text, files.Store.Put(context.TenantId, path, content, contentType, stop)), cancellation);
    }

    private static BlockOutcome Result(string path, PutFile file) => BlockOutcome.Ok(StepOutputs.Write((path, file), static (json, state) =>
    {
        json.WriteString("path", state.path);
        json.WriteNumber("size_bytes", state.file.Size);
        json.WriteString("content_type", state.file.ContentType);
        json.WriteString("sha256", state.file.Sha256);
    }));
}
