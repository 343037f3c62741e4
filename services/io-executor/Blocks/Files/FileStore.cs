using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>A file that was written.</summary>
internal sealed record PutFile(long Size, string ContentType, string Sha256);

/// <summary>What was read: <paramref name="Content"/> is null when more was asked for than may be given.</summary>
internal sealed record GotFile(ReadOnlyMemory<byte>? Content, long Offset, long Total, string ContentType);

/// <summary>The part of a file that is asked for: from an offset, or (with a length alone) its last bytes.</summary>
internal sealed record FileRange(long? Offset, long? Length);

/// <summary>Thrown for what the path leads to: a link, a special file, a file with other names.</summary>
internal sealed class FileRefusedException(string message) : IOException(message);

/// <summary>Thrown for a range that begins behind the file's end.</summary>
internal sealed class RangeOutsideException(long total) : IOException($"The range begins behind the file's end ({total} bytes).");

/// <summary>Reads and writes tenants' files. Every call blocks: it belongs on a thread of its own.</summary>
internal sealed class FileStore(TenantFolders folders)
{
    private const int ChunkBytes = 256 * 1024;

    /// <summary>
    /// Replaces or creates a file. After it returns, the content survives a power loss; until then every reader sees the old content,
    /// whole: written beside, flushed, renamed, and the folder flushed.
    /// </summary>
    public PutFile Put(string tenantId, TenantPath path, ReadOnlyMemory<byte> content, string? contentType, CancellationToken cancellation)
    {
        using var tenant = folders.Open(tenantId);
        using var parent = TenantFolders.OpenParent(tenant, path);
        if (Linux.Facts(parent, path.Name) is { IsRegular: false })
        {
            throw new FileRefusedException("The path names a folder, a link or a special file.");
        }

        using var temporary = TenantFolders.OpenTemporary(tenant);
        var draft = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var renamed = false;
        try
        {
            using var file = Linux.OpenChild(temporary, draft, Linux.WriteOnly | Linux.Create | Linux.Exclusive);
            Write(file, content, cancellation);
            var kept = Keep(file, contentType) ?? ContentTypes.OfName(path.Name);
            Linux.Sync(file);
            cancellation.ThrowIfCancellationRequested();
            Linux.Rename(temporary, draft, parent, path.Name);
            renamed = true;
            Linux.Sync(parent);
            return new PutFile(content.Length, kept, Convert.ToHexStringLower(SHA256.HashData(content.Span)));
        }
        finally
        {
            if (!renamed)
            {
                Linux.TryRemove(temporary, draft);
            }
        }
    }

    public GotFile Get(string tenantId, TenantPath path, FileRange? range, int maxBytes, CancellationToken cancellation)
    {
        using var tenant = folders.Open(tenantId);
        using var file = OpenRegular(tenant, path, out var total);
        var (offset, length) = Resolve(range, total);
        var type = Linux.GetAttribute(file, ContentTypes.Attribute) is { } bytes && Encoding.ASCII.GetString(bytes) is var kept && ContentTypes.IsValid(kept)
            ? kept
            : ContentTypes.OfName(path.Name);
        ReadOnlyMemory<byte>? content = length > maxBytes ? null : new(Read(file, offset, (int)length, cancellation));
        return new GotFile(content, offset, total, type);
    }

    /// <summary>Opens an ordinary file that lies nowhere else, or throws.</summary>
    public static SafeFileHandle OpenRegular(SafeFileHandle tenant, TenantPath path, out long size)
    {
        var file = Linux.OpenBeneath(tenant, path.Names, Linux.ReadOnly | Linux.NonBlocking);
        var facts = Linux.Facts(file);
        size = facts.Size;
        // A second name (a hard link) may lie in another tenant's folder.
        if (facts is { IsRegular: true, Links: 1 })
        {
            return file;
        }

        file.Dispose();
        throw new FileRefusedException("The path names a folder, a link or a special file.");
    }

    private static void Write(SafeFileHandle file, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        for (var offset = 0; offset < content.Length; offset += ChunkBytes)
        {
            cancellation.ThrowIfCancellationRequested();
            RandomAccess.Write(file, content.Span.Slice(offset, Math.Min(ChunkBytes, content.Length - offset)), offset);
        }
    }

    // Null when there is nothing to keep or the file system keeps no attributes: the result then tells the type that a reader will get.
    private static string? Keep(SafeFileHandle file, string? contentType) =>
        contentType is not null && Linux.TrySetAttribute(file, ContentTypes.Attribute, Encoding.ASCII.GetBytes(contentType)) ? contentType : null;

    private static (long Offset, long Length) Resolve(FileRange? range, long total)
    {
        if (range is null)
        {
            return (0, total);
        }

        if (range.Offset is not { } offset)
        {
            var tail = Math.Min(range.Length ?? total, total);
            return (total - tail, tail);
        }

        return offset > total || (offset == total && total > 0)
            ? throw new RangeOutsideException(total)
            : (offset, Math.Min(range.Length ?? long.MaxValue, total - offset));
    }

    private static byte[] Read(SafeFileHandle file, long offset, int length, CancellationToken cancellation)
    {
        var content = new byte[length];
        var read = 0;
        while (read < length)
        {
            cancellation.ThrowIfCancellationRequested();
            var count = RandomAccess.Read(file, content.AsSpan(read, Math.Min(ChunkBytes, length - read)), offset + read);
            if (count == 0)
            {
                // Cut short by another program meanwhile.
                return content[..read];
            }

            read += count;
        }

        return content;
    }
}
