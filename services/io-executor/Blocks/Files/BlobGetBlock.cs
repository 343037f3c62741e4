using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>
/// <c>fs.blob_get</c> (= <c>fs.get</c>): reads one of the tenant's files, or a part of it.
/// <para>Inputs: <c>path</c>, <c>range</c> (<c>"bytes=0-99"</c>, <c>"bytes=100-"</c>, <c>"bytes=-20"</c>, or <c>{offset, length}</c>).</para>
/// <para>Result: <c>path</c>, <c>content</c> (UTF-8) or <c>content_base64</c>, <c>size_bytes</c> and <c>sha256</c> of what is returned,
/// <c>content_type</c>; with a range also <c>offset</c> and <c>total_bytes</c>.</para>
/// <para>Errors: 2001 <c>not_found</c> and <c>output_too_large</c>; 2003 <c>path_refused</c>; 2002 when the queue is full; 1001 a range behind the
/// end; 1001 to 1003 inputs.</para>
/// </summary>
internal sealed class BlobGetBlock(FileWork files) : IBlockExecutor
{
    public string Type => "fs.blob_get";

    public string Version => "1";

    public IReadOnlyList<string> Aliases { get; } = ["fs.get"];

    public ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation)
    {
        var text = request.Inputs.RequiredString("path");
        var range = ReadRange(request.Inputs);
        if (request.Inputs.Invalid is { } invalid)
        {
            return ValueTask.FromResult(invalid);
        }

        if (TenantPath.Parse(text, out var reason) is not { } path)
        {
            return ValueTask.FromResult(FileWork.Refused(reason));
        }

        var max = request.MaxOutputBytes;
        return files.RunAsync(stop => Result(text, files.Store.Get(context.TenantId, path, range, max, stop), range is not null, max), cancellation);
    }

    private static BlockOutcome Result(string path, GotFile file, bool ranged, int max)
    {
        if (file.Content is not { } content)
        {
            return BlockOutcome.Failed(
                ErrorCode.ExecutionFailed, string.Create(CultureInfo.InvariantCulture, $"The file is larger than max_output_bytes ({max}): ask for a range."),
                retryable: false, StepOutputs.Reason("output_too_large"));
        }

        return BlockOutcome.Ok(StepOutputs.Write((path, file, content, ranged), static (json, state) =>
        {
            var content = state.content.Span;
            json.WriteString("path", state.path);
            if (Utf8.IsValid(content))
            {
                json.WriteString("content", content);
            }
            else
            {
                json.WriteBase64String("content_base64", content);
            }

            json.WriteNumber("size_bytes", content.Length);
            json.WriteString("content_type", state.file.ContentType);
            json.WriteString("sha256", Convert.ToHexStringLower(SHA256.HashData(content)));
            if (state.ranged)
            {
                json.WriteNumber("offset", state.file.Offset);
                json.WriteNumber("total_bytes", state.file.Total);
            }
        }));
    }

    private static FileRange? ReadRange(StepInputs inputs)
    {
        if (!inputs.TryGet("range", out var value))
        {
            return null;
        }

        var range = value.ValueKind switch
        {
            JsonValueKind.String => OfHeader(inputs.OptionalString("range") ?? ""),
            JsonValueKind.Object => OfObject(value),
            _ => null,
        };
        if (range is null)
        {
            inputs.AddFault(ErrorCode.InvalidInput, "range", $"{inputs.PathOf("range")} must be 'bytes=first-last', 'bytes=first-', 'bytes=-count' or {{offset, length}}.");
        }

        return range;
    }

    private static FileRange? OfHeader(string text)
    {
        const string Unit = "bytes=";
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (!text.StartsWith(Unit, StringComparison.Ordinal) || dash < 0)
        {
            return null;
        }

        var first = Number(text[Unit.Length..dash]);
        var last = Number(text[(dash + 1)..]);
        return (first, last) switch
        {
            ( >= 0, >= 0) when last >= first => new FileRange(first, last - first + 1),
            ( >= 0, null) when dash == text.Length - 1 => new FileRange(first, null),
            (null, > 0) when dash == Unit.Length => new FileRange(null, last),
            _ => null,
        };
    }

    private static FileRange? OfObject(JsonElement value)
    {
        long offset = 0;
        long length = 0;
        var hasLength = value.TryGetProperty("length", out var given);
        var valid = (!value.TryGetProperty("offset", out var start) || (start.ValueKind == JsonValueKind.Number && start.TryGetInt64(out offset) && offset >= 0))
            && (!hasLength || (given.ValueKind == JsonValueKind.Number && given.TryGetInt64(out length) && length > 0));
        return valid ? new FileRange(offset, hasLength ? length : null) : null;
    }

    private static long? Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
