using System.ComponentModel;
using Microsoft.Win32.SafeHandles;

namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>The tenants' folders below one root. Everything below a tenant's folder is reached by handle and name, never by a path that could change meanwhile.</summary>
internal sealed class TenantFolders(string root)
{
    private const string TemporaryFolder = TenantPath.ReservedPrefix + "tmp";

    private readonly string _root = Path.GetFullPath(root);

    /// <summary>The tenant's own folder, made when it is missing.</summary>
    public SafeFileHandle Open(string tenantId)
    {
        // The contract's validator guards this too; a tenant id that is a path would open the others' files.
        if (tenantId.Length is 0 or > 64 || tenantId.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-')))
        {
            throw new ArgumentException("Not a tenant id.", nameof(tenantId));
        }

        Directory.CreateDirectory(_root);
        using var folder = Linux.OpenFolder(_root);
        return OpenOrMake(folder, tenantId);
    }

    /// <summary>The folder that a file lies or will lie in, its missing parts made.</summary>
    public static SafeFileHandle OpenParent(SafeFileHandle tenant, TenantPath path)
    {
        var current = Linux.OpenChild(tenant, ".", Linux.ReadOnly | Linux.Directory);
        try
        {
            foreach (var name in path.Names.Take(path.Names.Count - 1))
            {
                var next = OpenOrMake(current, name);
                current.Dispose();
                current = next;
            }

            return current;
        }
        catch
        {
            current.Dispose();
            throw;
        }
    }

    /// <summary>Where files are written before they take their place: no step can name it.</summary>
    public static SafeFileHandle OpenTemporary(SafeFileHandle tenant) => OpenOrMake(tenant, TemporaryFolder);

    /// <summary>The folder's path with every link resolved, for a library that needs a path.</summary>
    public static string PathOf(SafeFileHandle folder) => new FileInfo($"/proc/self/fd/{folder.DangerousGetHandle()}").LinkTarget
        ?? throw new IOException("The folder's path cannot be read from /proc.");

    /// <summary>Removes what a crash left behind. Another process's files in flight are younger than <paramref name="age"/>.</summary>
    public int RemoveAbandoned(DateTimeOffset now, TimeSpan age)
    {
        if (!Directory.Exists(_root))
        {
            return 0;
        }

        var removed = 0;
        var temporary = Directory.EnumerateDirectories(_root).Select(tenant => Path.Combine(tenant, TemporaryFolder)).Where(Directory.Exists);
        foreach (var file in temporary.SelectMany(Directory.EnumerateFiles).Where(file => now - File.GetLastWriteTimeUtc(file) > age))
        {
            File.Delete(file);
            removed++;
        }

        return removed;
    }

    private static SafeFileHandle OpenOrMake(SafeFileHandle folder, string name)
    {
        try
        {
            return Linux.OpenChild(folder, name, Linux.ReadOnly | Linux.Directory);
        }
        catch (Win32Exception missing) when (missing.NativeErrorCode == Linux.NotFound)
        {
            Linux.MakeFolder(folder, name);
            Linux.Sync(folder);
            return Linux.OpenChild(folder, name, Linux.ReadOnly | Linux.Directory);
        }
    }
}
